import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { Secret } from '../config/index.js'
import { hasCode } from '../error-code.js'
import { CertificateError } from './error.js'
import { pemEntries } from './pem.js'

/** What a key store or trust store holds, whatever its format. */
export interface Entries {
  readonly certificates: readonly CertificateEntry[]
  readonly keys: readonly KeyEntry[]
}

export interface CertificateEntry {
  readonly alias: string | undefined
  /** What a key and its certificate have in common in PKCS12 (localKeyId), in hexadecimal. */
  readonly keyId: string | undefined
  readonly certificate: X509Certificate
}

export interface KeyEntry {
  readonly alias: string | undefined
  readonly keyId: string | undefined
  /** Decrypts it: an unencrypted PKCS#8 or PEM key that node:crypto reads. */
  readonly open: () => Promise<KeyMaterial>
}

export type KeyMaterial =
  | { readonly key: Buffer; readonly format: 'der'; readonly type: 'pkcs8' }
  | { readonly key: string; readonly format: 'pem'; readonly passphrase: string }

/** The authorities that a Java ships with are 200 KB; nobody's trust store is much larger. */
const MAX_BYTES = 4 << 20

/** Reads a PKCS12 or PEM file, told apart by their content; a DER certificate alone counts as well. */
export async function readEntries(file: string, password: Secret): Promise<Entries> {
  const bytes = await readBounded(file)
  if (!isDer(bytes)) return pemEntries(pemText(bytes), password)
  const certificate = derCertificate(bytes)
  if (certificate !== undefined)
    return { certificates: [{ alias: undefined, keyId: undefined, certificate }], keys: [] }
  const { pkcs12Entries } = await import('./pkcs12.js') // brings a library that PEM does without
  return pkcs12Entries(bytes, password)
}

/** A file's bytes. Throws a {@link CertificateError} without the file's name in it. */
export async function readBounded(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file).then((found) => (found.isFile() ? found : Promise.reject(notAFile())))
    if (size > MAX_BYTES) {
      throw new CertificateError('ERR_CERTIFICATE_FILE_UNREADABLE', `is larger than ${MAX_BYTES} bytes`)
    }
    return await readFile(file)
  } catch (error) {
    if (error instanceof CertificateError) throw error
    if (hasCode(error, 'ENOENT')) {
      throw new CertificateError('ERR_CERTIFICATE_FILE_MISSING', 'does not exist')
    }
    throw new CertificateError('ERR_CERTIFICATE_FILE_UNREADABLE', 'reading it failed', { cause: error })
  }
}

function notAFile(): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_FILE_UNREADABLE', 'is not a file')
}

/** Whether it begins as PKCS12 files and DER certificates do: with a SEQUENCE. */
export function isDer(bytes: Buffer): boolean {
  return bytes[0] === 0x30
}

/** Takes it for PEM. Throws what else it is. */
export function pemText(bytes: Buffer): string {
  const magic = bytes.toString('hex', 0, 4)
  if (magic === 'feedfeed' || magic === 'cececece') {
    throw new CertificateError(
      'ERR_CERTIFICATE_JKS',
      'is a Java key store (JKS); convert it: keytool -importkeystore -srckeystore OLD.jks -destkeystore NEW.p12 -deststoretype PKCS12',
    )
  }
  if (bytes.includes('-----BEGIN ')) return bytes.toString('latin1')
  throw new CertificateError('ERR_CERTIFICATE_FORMAT', 'is neither a PKCS12 store nor a PEM file')
}

/** A certificate, if these bytes are one. */
export function derCertificate(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes)
  } catch {
    return undefined
  }
}
