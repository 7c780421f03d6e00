import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters, KeyObject } from 'jose'

/** Where the keys come from that verify an issuer's signatures. */
export interface VerificationKeys {
  /** The JWS algorithms that the keys are for; absent: {@link ASYMMETRIC_ALGORITHMS}. Never `none`. */
  readonly algorithms?: readonly string[]
  /**
   * The key for a token with this protected header. Throws one of jose's errors if there is none for it, another if
   * the keys could not be had at all.
   */
  key(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey | KeyObject | Uint8Array>
}

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
