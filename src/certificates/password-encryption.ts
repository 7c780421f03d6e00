import { createDecipheriv, createHmac, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import forge from 'node-forge'
import { type Asn1, damaged, integer, isInteger, octets, oid, part, parts } from './der.js'
import { CertificateError, wrongPassword } from './error.js'

/**
 * A password and the work that may still be spent on it. A file says itself how often its password is to be hashed:
 * without a limit, a damaged one would keep the gateway from starting for hours.
 */
export interface Passphrase {
  /** `null` stands for "none", which PKCS12 tells from an empty one. */
  readonly text: string | null
  readonly budget: { iterations: number }
}

/** keytool asks for 10,000 iterations a step, in its legacy mode for 100,000; OpenSSL for 2,048. */
export const MAX_ITERATIONS = 2_000_000

const PBES2 = '1.2.840.113549.1.5.13'
const PBKDF2 = '1.2.840.113549.1.5.12'
const PRFS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}
const CIPHERS: Readonly<Record<string, { readonly name: string; readonly keyLength: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyLength: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyLength: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyLength: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyLength: 24 },
}
/** RFC 7292, appendix C: what Java 8 and OpenSSL 1 write. */
const LEGACY: Readonly<Record<string, { readonly cipher: '3des' | 'rc2'; readonly keyLength: number }>> = {
  '1.2.840.113549.1.12.1.3': { cipher: '3des', keyLength: 24 },
  '1.2.840.113549.1.12.1.5': { cipher: 'rc2', keyLength: 16 },
  '1.2.840.113549.1.12.1.6': { cipher: 'rc2', keyLength: 5 },
}
const HASHES = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
} as const
/** What a derived key is for (RFC 7292, appendix B.3). */
const FOR_KEY = 1
const FOR_IV = 2
const FOR_MAC = 3

/** Decrypts what was encrypted by a password with the algorithm (an AlgorithmIdentifier). Throws if it does not fit. */
export async function decrypt(algorithm: Asn1, sealed: Buffer, passphrase: Passphrase): Promise<Buffer> {
  const id = oid(part(algorithm, 0))
  if (id === PBES2) return decryptPbes2(part(algorithm, 1), sealed, passphrase)
  const legacy = LEGACY[id]
  if (legacy === undefined) throw unsupported(id)
  const [salt, iterations] = [octets(part(part(algorithm, 1), 0)), integer(part(part(algorithm, 1), 1))]
  const derive = (purpose: number, length: number) =>
    pkcs12Key('sha1', { salt, iterations, purpose, length }, passphrase)
  const key = derive(FOR_KEY, legacy.keyLength)
  const iv = derive(FOR_IV, 8)
  return opening(() => (legacy.cipher === 'rc2' ? rc2(key, iv, sealed) : cbc('des-ede3-cbc', key, iv, sealed)))
}

/** Whether a PKCS12 file's MacData (RFC 7292 §4) fits its content. */
export function macFits(macData: Asn1, content: Buffer, passphrase: Passphrase): boolean {
  const digestInfo = part(macData, 0)
  const id = oid(part(part(digestInfo, 0), 0))
  const hash = Object.entries(HASHES).find(([each]) => each === id)?.[1]
  if (hash === undefined) throw unsupported(id)
  const count = parts(macData)[2]
  const mac = octets(part(digestInfo, 1))
  const iterations = count === undefined ? 1 : integer(count)
  const key = pkcs12Key(
    hash,
    { salt: octets(part(macData, 1)), iterations, purpose: FOR_MAC, length: mac.length },
    passphrase,
  )
  return createHmac(hash, key).update(content).digest().equals(mac)
}

async function decryptPbes2(parameters: Asn1, sealed: Buffer, { text, budget }: Passphrase): Promise<Buffer> {
  const [kdf, scheme] = [part(parameters, 0), part(parameters, 1)]
  if (oid(part(kdf, 0)) !== PBKDF2) throw unsupported(oid(part(kdf, 0)))
  const cipher = CIPHERS[oid(part(scheme, 0))]
  if (cipher === undefined) throw unsupported(oid(part(scheme, 0)))
  const [salt, count, ...options] = parts(part(kdf, 1))
  if (salt === undefined || count === undefined) throw damaged()
  const prf = options.find((each) => !isInteger(each))
  const hash = prf === undefined ? 'sha1' : PRFS[oid(part(prf, 0))]
  if (hash === undefined) throw unsupported('a hash')
  const iterations = spend(budget, integer(count))
  const key = await promisify(pbkdf2)(text ?? '', octets(salt), iterations, cipher.keyLength, hash)
  return opening(() => cbc(cipher.name, key, octets(part(scheme, 1)), sealed))
}

interface Derivation {
  readonly salt: Buffer
  readonly iterations: number
  readonly purpose: number
  readonly length: number
}

function pkcs12Key(hash: (typeof HASHES)[keyof typeof HASHES], derivation: Derivation, passphrase: Passphrase): Buffer {
  const { salt, purpose, length } = derivation
  if (length > 64) throw damaged()
  const iterations = spend(passphrase.budget, derivation.iterations)
  const saltBytes = forge.util.createBuffer(salt.toString('latin1'))
  const key = forge.pkcs12.generateKey(passphrase.text, saltBytes, purpose, iterations, length, forge.md[hash].create())
  return Buffer.from(key.getBytes(), 'latin1')
}

function cbc(name: string, key: Buffer, iv: Buffer, sealed: Buffer): Buffer {
  const cipher = createDecipheriv(name, key, iv)
  return Buffer.concat([cipher.update(sealed), cipher.final()])
}

/** OpenSSL 3 does RC2 only with its legacy provider, which Node does not load. */
function rc2(key: Buffer, iv: Buffer, sealed: Buffer): Buffer {
  const cipher = forge.rc2.createDecryptionCipher(key.toString('latin1'), key.length * 8)
  cipher.start(iv.toString('latin1'))
  cipher.update(forge.util.createBuffer(sealed.toString('latin1')))
  if (!cipher.finish()) throw new Error('bad padding')
  return Buffer.from(cipher.output.getBytes(), 'latin1')
}

function opening(open: () => Buffer): Buffer {
  try {
    return open()
  } catch (cause) {
    throw wrongPassword(cause)
  }
}

function spend(budget: { iterations: number }, iterations: number): number {
  if (iterations < 1) throw damaged()
  budget.iterations -= iterations
  if (budget.iterations >= 0) return iterations
  throw new CertificateError('ERR_CERTIFICATE_UNSUPPORTED', `asks for more than ${MAX_ITERATIONS} hash iterations`)
}

function unsupported(algorithm: string): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_UNSUPPORTED', `uses an algorithm that is not supported (${algorithm})`)
}
