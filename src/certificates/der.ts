import forge from 'node-forge'
import { CertificateError } from './error.js'

/** A value of ASN.1, as it was encoded. */
export type Asn1 = forge.asn1.Asn1

/** Reads DER, and the BER that some PKCS12 files are written in. Throws whatever node-forge does at other bytes. */
export function parseDer(der: Buffer): Asn1 {
  return forge.asn1.fromDer(der.toString('latin1'), true)
}

/** The DER encoding (X.690) of a value. */
export function encodeDer(node: Asn1): Buffer {
  return Buffer.from(forge.asn1.toDer(node).getBytes(), 'latin1')
}

/** What a constructed value is made of. */
export function parts(node: Asn1 | undefined): readonly Asn1[] {
  if (node === undefined || !Array.isArray(node.value)) throw damaged()
  return node.value
}

/** One of the values that a constructed value is made of. */
export function part(node: Asn1 | undefined, index: number): Asn1 {
  const found = parts(node)[index]
  if (found === undefined) throw damaged()
  return found
}

/** An object identifier in dotted decimal. Throws {@link damaged}. */
export function oid(node: Asn1): string {
  if (node.type !== forge.asn1.Type.OID || typeof node.value !== 'string') throw damaged()
  return forge.asn1.derToOid(node.value)
}

/** A whole number that is not negative and below 2^31. */
export function integer(node: Asn1): number {
  if (!isInteger(node) || typeof node.value !== 'string') throw damaged()
  const bytes = Buffer.from(node.value, 'latin1')
  if (bytes.length === 0 || bytes.length > 4) throw damaged()
  const value = bytes.readIntBE(0, bytes.length)
  if (value < 0) throw damaged()
  return value
}

/** Whether a value is an INTEGER, of any size. */
export function isInteger(node: Asn1 | undefined): boolean {
  return node?.tagClass === forge.asn1.Class.UNIVERSAL && node.type === forge.asn1.Type.INTEGER
}

/** The content of a string of octets; BER may have cut it into several. */
export function octets(node: Asn1): Buffer {
  if (typeof node.value === 'string') return Buffer.from(node.value, 'latin1')
  return Buffer.concat(node.value.map(octets))
}

/** The text of a BMPString, which node-forge has decoded already. */
export function text(node: Asn1): string {
  if (typeof node.value !== 'string') throw damaged()
  return node.value
}

/** The error for a structure that PKCS12 (RFC 7292) does not allow. */
export function damaged(): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_FORMAT', 'is not a PKCS12 store, or is damaged')
}
