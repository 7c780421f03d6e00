import { X509Certificate } from 'node:crypto'
import type { Secret } from '../config/index.js'
import { type Asn1, damaged, encodeDer, integer, octets, oid, parseDer, part, parts, text } from './der.js'
import type { CertificateEntry, Entries, KeyEntry } from './entries.js'
import { CertificateError, wrongPassword } from './error.js'
import { decrypt, MAX_ITERATIONS, macFits, type Passphrase } from './password-encryption.js'

const DATA = '1.2.840.113549.1.7.1'
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6'
const KEY_BAG = '1.2.840.113549.1.12.10.1.1'
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2'
const CERT_BAG = '1.2.840.113549.1.12.10.1.3'
const X509 = '1.2.840.113549.1.9.22.1'
const FRIENDLY_NAME = '1.2.840.113549.1.9.20'
const LOCAL_KEY_ID = '1.2.840.113549.1.9.21'

/**
 * The entries of a PKCS12 file (RFC 7292) whose integrity a password protects, or nothing does. What is neither a key
 * nor a certificate is passed over. node-forge's own reader is not used: it stops at such an entry, and at a file that
 * asks for any number of iterations it does not.
 */
export async function pkcs12Entries(file: Buffer, password: Secret): Promise<Entries> {
  const [version, authSafe, macData] = parts(parse(file))
  if (version === undefined || authSafe === undefined || integer(version) !== 3) throw damaged()
  const content = contentOf(authSafe)
  const passphrase = checkedPassphrase(macData, content, password)
  const certificates: CertificateEntry[] = []
  const keys: KeyEntry[] = []
  for (const info of parts(parse(content))) {
    for (const bag of parts(parse(await safeContents(info, passphrase)))) {
      const type = oid(part(bag, 0))
      const value = part(part(bag, 1), 0)
      const names = attributes(bag)
      if (type === CERT_BAG && oid(part(value, 0)) === X509) {
        certificates.push({ ...names, certificate: new X509Certificate(octets(part(value, 1))) })
      } else if (type === KEY_BAG) keys.push({ ...names, open: async () => pkcs8(encodeDer(value)) })
      else if (type === SHROUDED_KEY_BAG) {
        keys.push({ ...names, open: async () => pkcs8(await unshroud(value, passphrase)) })
      }
    }
  }
  return { certificates, keys }
}

/** An EncryptedPrivateKeyInfo (RFC 5958 §3), decrypted: a PKCS#8 key in DER. */
export function openPrivateKey(der: Buffer, password: Secret): Promise<Buffer> {
  return unshroud(parse(der), { text: password.reveal(), budget: { iterations: MAX_ITERATIONS } })
}

function unshroud(info: Asn1, passphrase: Passphrase): Promise<Buffer> {
  return decrypt(part(info, 0), octets(part(info, 1)), passphrase)
}

function pkcs8(key: Buffer): Awaited<ReturnType<KeyEntry['open']>> {
  return { key, format: 'der', type: 'pkcs8' }
}

/** An empty password was hashed as an empty text by some tools, and as no text at all by others. */
function checkedPassphrase(macData: Asn1 | undefined, content: Buffer, password: Secret): Passphrase {
  const budget = { iterations: MAX_ITERATIONS }
  const given = { text: password.reveal(), budget }
  if (macData === undefined || macFits(macData, content, given)) return given
  const none = { text: null, budget }
  if (password.isEmpty && macFits(macData, content, none)) return none
  throw wrongPassword()
}

function contentOf(info: Asn1): Buffer {
  const type = oid(part(info, 0))
  if (type === DATA) return octets(part(part(info, 1), 0))
  throw new CertificateError('ERR_CERTIFICATE_UNSUPPORTED', 'is protected by a public key, not by a password')
}

async function safeContents(info: Asn1, passphrase: Passphrase): Promise<Buffer> {
  if (oid(part(info, 0)) !== ENCRYPTED_DATA) return contentOf(info)
  const encrypted = part(part(part(info, 1), 0), 1)
  return decrypt(part(encrypted, 1), octets(part(encrypted, 2)), passphrase)
}

function attributes(bag: Asn1): { alias: string | undefined; keyId: string | undefined } {
  const set = parts(bag)[2]
  const found = new Map(
    (set === undefined ? [] : parts(set)).map((each) => [oid(part(each, 0)), parts(part(each, 1))[0]]),
  )
  const [name, id] = [found.get(FRIENDLY_NAME), found.get(LOCAL_KEY_ID)]
  return { alias: name && text(name), keyId: id && octets(id).toString('hex') }
}

function parse(bytes: Buffer): Asn1 {
  try {
    return parseDer(bytes)
  } catch (cause) {
    throw new CertificateError('ERR_CERTIFICATE_FORMAT', damaged().message, { cause })
  }
}
