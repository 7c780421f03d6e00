import type { KeyObject } from 'node:crypto'
import type { JWSHeaderParameters } from 'jose'
import type { VerificationKeys } from './verification-keys.js'

const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
/** By the key's type, and an elliptic curve's name as OpenSSL has it. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  rsa: RSA,
  'rsa-pss': RSA.slice(3),
  'ec prime256v1': ['ES256'],
  'ec secp384r1': ['ES384'],
  'ec secp521r1': ['ES512'],
  ed25519: ['EdDSA', 'Ed25519'],
}
/** RFC 7518 §3.3, in bits. */
const SHORTEST_MODULUS = 2048

/** A public key that no accepted algorithm has a use for. */
export class FixedKeyError extends Error {
  override readonly name = 'FixedKeyError'
  readonly code = 'ERR_KEY_NOT_SUPPORTED'
}

/** An issuer's only key, as its certificate has it, for the algorithms that are made for it. */
export class FixedKey implements VerificationKeys {
  readonly algorithms: readonly string[]
  readonly #key: KeyObject

  /** Throws {@link FixedKeyError} for a private key, and for one of another kind than RSA (of 2048 bits), P-256/384/521 and Ed25519. */
  constructor(key: KeyObject) {
    const { type, asymmetricKeyType, asymmetricKeyDetails = {} } = key
    const { namedCurve, modulusLength = SHORTEST_MODULUS } = asymmetricKeyDetails
    const kind = [asymmetricKeyType, ...(namedCurve === undefined ? [] : [namedCurve])].join(' ')
    const algorithms = ALGORITHMS[kind]
    if (type !== 'public' || algorithms === undefined || modulusLength < SHORTEST_MODULUS) {
      throw new FixedKeyError('not a public key of RSA (of 2048 bits or more), P-256, P-384, P-521 or Ed25519')
    }
    this.algorithms = algorithms
    this.#key = key
  }

  async key(_header: JWSHeaderParameters): Promise<KeyObject> {
    return this.#key
  }
}
