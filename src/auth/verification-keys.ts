import type { KeyObject } from 'node:crypto'
import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from 'jose'
import type { Secret } from '../config/index.js'
import { judgeKey } from './judged-key.js'

/** Where the keys come from that verify an issuer's signatures. */
export interface VerificationKeys {
  /** The JWS algorithms that the keys are for; absent: {@link ASYMMETRIC_ALGORITHMS}. Never `none`. */
  readonly algorithms?: readonly string[]
  /**
   * The key for a token with this protected header. Throws one of jose's errors if no key fits, another error if the
   * keys are unavailable.
   */
  key(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey | KeyObject | Uint8Array>
  /** Resolves when the keys are there; rejects, as `key` does, if they are unavailable. Absent: they are there. */
  ready?(): Promise<void>
  /** As `key`, among the keys at hand: nothing is fetched for a key that is not there. Absent: `key` fetches nothing. */
  knownKey?(header: JWSHeaderParameters, token: FlattenedJWSInput): ReturnType<VerificationKeys['key']>
  /**
   * Resolves once the keys at hand are those that the issuer published at some moment after this call; rejects with
   * `JwksUnavailable` if they could not be fetched. Absent: the keys never change.
   */
  renewed?(): Promise<void>
}

/** Keys are found by the header alone: what to pass {@link VerificationKeys.key} for the token. */
export const PARTS_NOT_LOOKED_AT: FlattenedJWSInput = { payload: '', signature: '' }
/** How many of an issuer's keys are tried on a token without a `kid`. */
export const MAX_KEYS_TRIED = 8

/** Neither `none` nor an HMAC with a public key for its secret (RFC 8725 §3.1). */
export const ASYMMETRIC_ALGORITHMS: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

/** A key that is not accepted for verifying tokens. */
export class FixedKeyError extends Error {
  override readonly name = 'FixedKeyError'
  readonly code = 'ERR_KEY_NOT_SUPPORTED'
}

/** An issuer's only key, from a certificate or key file, for the algorithms of its type. */
export class FixedKey implements VerificationKeys {
  readonly algorithms: readonly string[]
  readonly #key: KeyObject

  /**
   * Throws {@link FixedKeyError} for a private key, a weak key, and any type but RSA (2048 bits or more), P-256/384/521
   * and Ed25519.
   *
   * @param from names where the key comes from, for the error
   */
  constructor(key: KeyObject, from = 'key') {
    const judged = judgeKey(key)
    if ('problem' in judged) throw new FixedKeyError(`${from}: key not accepted: ${judged.problem}`)
    this.algorithms = judged.algorithms
    this.#key = key
  }

  async key(_header: JWSHeaderParameters): Promise<KeyObject> {
    return this.#key
  }
}

/** RFC 7518 §3.2: a key of at least the hash's length, in bytes. */
const LENGTHS: readonly (readonly [algorithm: string, bytes: number])[] = [
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
]

/** A shared secret that is too short. The message holds nothing of it. */
class SharedSecretError extends Error {
  override readonly name = 'SharedSecretError'
  readonly code = 'ERR_SHARED_SECRET_TOO_SHORT'
}

/** The secret of an issuer that signs with HMAC, for those of HS256, HS384 and HS512 that the secret is long enough for. */
export class SharedSecret implements VerificationKeys {
  readonly algorithms: readonly string[]
  readonly #key: Uint8Array

  /**
   * Throws {@link SharedSecretError} for fewer than 32 bytes of UTF-8: a shorter secret can be guessed offline, from one token.
   *
   * @param issuer whose it is, for the error
   */
  constructor(secret: Secret, issuer: string) {
    this.#key = new TextEncoder().encode(secret.reveal())
    this.algorithms = LENGTHS.filter(([, bytes]) => this.#key.length >= bytes).map(([algorithm]) => algorithm)
    if (this.algorithms.length === 0) {
      throw new SharedSecretError(`jwtTokenConfig.sharedSecret of ${issuer} must have at least 32 bytes`)
    }
  }

  async key(_header: JWSHeaderParameters): Promise<Uint8Array> {
    return this.#key
  }
}
