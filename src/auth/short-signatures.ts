import { constants, KeyObject, verify, type webcrypto } from 'node:crypto'
import type { CryptoKey } from 'jose'

/** Bits of the longest RSA modulus that is verified here: 0.1 ms. */
const LONGEST_MODULUS = 4_096
/** The public exponent that nearly all RSA keys have. With a longer one verification takes as long as signing. */
const EXPONENT = 65_537n

/** How the signatures of an algorithm (RFC 7518 §3, RFC 8037, RFC 9864) are verified by OpenSSL. */
interface Algorithm {
  /** The key's type, and its curve as OpenSSL has it. */
  readonly key: string
  readonly hash: string | null
  readonly options?: { readonly padding?: number; readonly saltLength?: number; readonly dsaEncoding?: 'ieee-p1363' }
}

const pss = (saltLength: number) => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  RS256: { key: 'rsa', hash: 'sha256' },
  RS384: { key: 'rsa', hash: 'sha384' },
  RS512: { key: 'rsa', hash: 'sha512' },
  PS256: { key: 'rsa', hash: 'sha256', options: pss(32) },
  PS384: { key: 'rsa', hash: 'sha384', options: pss(48) },
  PS512: { key: 'rsa', hash: 'sha512', options: pss(64) },
  ES256: { key: 'ec prime256v1', hash: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
  EdDSA: { key: 'ed25519', hash: null },
  Ed25519: { key: 'ed25519', hash: null },
}

/** Keys as OpenSSL has them, by what an issuer's keys gave; `undefined`: verifying with it would take long. */
const shortKeys = new WeakMap<object, { readonly key: KeyObject; readonly kind: string } | undefined>()

/**
 * Whether a signature is this key's, found out at once: with a short key that takes less than 0.1 ms, and handing it to the
 * thread pool costs several times as much. `undefined`: the key is long, a secret, or not for this algorithm.
 *
 * @param signed what was signed, ASCII
 * @param signature base64url
 */
export function verifyShort(
  alg: string,
  key: CryptoKey | KeyObject | Uint8Array,
  signed: string,
  signature: string,
): boolean | undefined {
  const algorithm = Object.hasOwn(ALGORITHMS, alg) ? ALGORITHMS[alg] : undefined
  if (algorithm === undefined) return undefined
  const known = shortKeys.has(key) ? shortKeys.get(key) : remember(key)
  if (known === undefined || known.kind !== algorithm.key) return undefined
  const signer = { key: known.key, ...algorithm.options }
  return verify(algorithm.hash, Buffer.from(signed, 'latin1'), signer, Buffer.from(signature, 'base64url'))
}

function remember(key: CryptoKey | KeyObject | Uint8Array) {
  const short = shortKey(key)
  shortKeys.set(key, short)
  return short
}

function shortKey(given: CryptoKey | KeyObject | Uint8Array) {
  if (given instanceof Uint8Array) return undefined
  const key = given instanceof KeyObject ? given : KeyObject.from(given as webcrypto.CryptoKey)
  const {
    type,
    asymmetricKeyType = '',
    asymmetricKeyDetails: { namedCurve, modulusLength = 0, publicExponent } = {},
  } = key
  if (type !== 'public') return undefined
  if (asymmetricKeyType === 'rsa' && (modulusLength > LONGEST_MODULUS || publicExponent !== EXPONENT)) return undefined
  return { key, kind: namedCurve === undefined ? asymmetricKeyType : `${asymmetricKeyType} ${namedCurve}` }
}
