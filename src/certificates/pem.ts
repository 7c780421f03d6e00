import { X509Certificate } from 'node:crypto'
import type { Secret } from '../config/index.js'
import type { Entries, KeyEntry } from './entries.js'
import { CertificateError } from './error.js'

/** A block of a PEM file (RFC 7468). */
export interface PemBlock {
  readonly label: string
  /** With its first and last line. */
  readonly text: string
}

const CERTIFICATE = /^(X509 )?CERTIFICATE$/
const PRIVATE_KEY = /^(RSA |EC |ENCRYPTED )?PRIVATE KEY$/

/** The blocks of a PEM file, in their order; what stands between them is a comment. Throws at one without its end. */
export function pemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = []
  // A regular expression over the whole would look for each missing end again and again.
  for (let from = text.indexOf('-----BEGIN '); from !== -1; from = text.indexOf('-----BEGIN ', from)) {
    const label = /^[A-Z0-9 ]*(?=-----)/.exec(text.slice(from + 11, from + 75))?.[0]
    const last = `-----END ${label}-----`
    const end = label === undefined ? -1 : text.indexOf(last, from)
    if (label === undefined || end === -1) {
      throw new CertificateError('ERR_CERTIFICATE_FORMAT', `its PEM block ${blocks.length + 1} is damaged`)
    }
    blocks.push({ label, text: text.slice(from, end + last.length) })
    from = end + last.length
  }
  return blocks
}

/** The certificates and private keys of a PEM file. */
export function pemEntries(text: string, password: Secret): Entries {
  const blocks = pemBlocks(text)
  return {
    certificates: pemCertificates(blocks).map((certificate) => ({ alias: undefined, keyId: undefined, certificate })),
    keys: blocks.filter(({ label }) => PRIVATE_KEY.test(label)).map((block) => keyEntry(block, password)),
  }
}

/** Throws at the first certificate that is damaged: leaving it out would be a surprise later. */
export function pemCertificates(blocks: readonly PemBlock[]): X509Certificate[] {
  return blocks
    .filter(({ label }) => CERTIFICATE.test(label))
    .map(({ text }, index) => {
      try {
        return new X509Certificate(pemBody(text))
      } catch (cause) {
        throw new CertificateError('ERR_CERTIFICATE_FORMAT', `its certificate ${index + 1} is damaged`, { cause })
      }
    })
}

function keyEntry({ label, text }: PemBlock, password: Secret): KeyEntry {
  const open: KeyEntry['open'] = async () => {
    if (label !== 'ENCRYPTED PRIVATE KEY') return { key: text, format: 'pem', passphrase: password.reveal() }
    // Not OpenSSL's: it puts no limit to the iterations that a file may ask for.
    const { openPrivateKey } = await import('./pkcs12.js')
    return { key: await openPrivateKey(pemBody(text), password), format: 'der', type: 'pkcs8' }
  }
  return { alias: undefined, keyId: undefined, open }
}

function pemBody(text: string): Buffer {
  return Buffer.from(text.slice(text.indexOf('\n') + 1, text.lastIndexOf('-----END')), 'base64')
}
