import { createPrivateKey, type KeyObject } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Secret } from '../config/index.js'
import { type CertificateEntry, type Entries, type KeyEntry, readEntries } from './entries.js'
import { CertificateError, isAlias, namingFile, unknownAlias, wrongPassword } from './error.js'

/** A private key and its certificate, as node:tls takes them. */
export interface KeyStore {
  /** PEM: the key's certificate, then those of its issuers that the store has. */
  readonly cert: string
  /** PEM: PKCS#8, not encrypted. */
  readonly key: string
  /** The alias of the entry that was taken, where it has one. */
  readonly alias: string | undefined
  /** How many private keys the store has: with several and no alias asked for, the first was taken. */
  readonly keys: number
}

/**
 * Reads a PKCS12 key store, of modern ciphers or of Java 8's, or a PEM file with a key and its certificates. Takes the
 * first key, or the one of the alias (upper and lower case are the same). Throws a {@link CertificateError}.
 */
export function readKeyStore(path: string, password: Secret, alias?: string): Promise<KeyStore> {
  return namingFile(path, async () => keyStore(await readEntries(path, password), alias))
}

/** Reads a certificate with its chain and a private key, that the password may protect, from two PEM files. */
export async function readKeyPair(certFile: string, keyFile: string, password: Secret): Promise<KeyStore> {
  const { certificates } = await namingFile(certFile, () => readEntries(certFile, password))
  return namingFile(keyFile, async () => {
    const { keys } = await readEntries(keyFile, password)
    return keyStore({ certificates, keys }, undefined, `does not belong to the certificate in ${certFile}`)
  })
}

async function keyStore(
  { certificates, keys }: Entries,
  alias: string | undefined,
  unmatched = 'holds no certificate for its private key',
): Promise<KeyStore> {
  if (keys.length === 0) throw new CertificateError('ERR_CERTIFICATE_NO_KEY', 'holds no private key')
  const entry = alias === undefined ? keys[0] : keys.find((each) => isAlias(each.alias, alias))
  if (entry === undefined)
    throw unknownAlias(
      alias ?? '',
      keys.map((each) => each.alias),
    )
  const key = await privateKey(entry)
  const cert = chain(key, entry, certificates).map(({ certificate }) => certificate.toString())
  if (cert.length === 0) {
    throw new CertificateError('ERR_CERTIFICATE_NO_CERTIFICATE', unmatched)
  }
  const own = { cert: cert.join(''), key: key.export({ type: 'pkcs8', format: 'pem' }).toString() }
  try {
    createSecureContext(own)
  } catch (cause) {
    throw new CertificateError('ERR_CERTIFICATE_UNSUPPORTED', 'its key or certificate is too weak for TLS', { cause })
  }
  return { ...own, alias: entry.alias, keys: keys.length }
}

async function privateKey(entry: KeyEntry): Promise<KeyObject> {
  const material = await entry.open()
  try {
    return createPrivateKey(material)
  } catch (cause) {
    if (material.format === 'pem' && material.key.includes('ENCRYPTED')) throw wrongPassword(cause)
    throw new CertificateError('ERR_CERTIFICATE_FORMAT', 'its private key is damaged, or of an unsupported type', {
      cause,
    })
  }
}

/** The key's certificate and those that issued it, as far as they are there. */
function chain(key: KeyObject, entry: KeyEntry, certificates: readonly CertificateEntry[]): CertificateEntry[] {
  const own = certificates.filter(({ certificate }) => certificate.checkPrivateKey(key))
  // A renewed certificate may stand beside the old one of the same key.
  let next = own.find(({ keyId }) => keyId !== undefined && keyId === entry.keyId) ?? own[0]
  const found: CertificateEntry[] = []
  const others = new Set(certificates)
  while (next !== undefined) {
    const { certificate } = next
    found.push(next)
    others.delete(next)
    const issued = certificate.checkIssued(certificate)
    next = issued ? undefined : [...others].find((each) => certificate.checkIssued(each.certificate))
  }
  return found
}
