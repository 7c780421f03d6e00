import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters, KeyObject } from 'jose'

/** Where the keys come from that verify an issuer's signatures. */
export interface VerificationKeys {
  /**
   * The key for a token with this protected header. Throws one of jose's errors if there is none for it, another if
   * the keys could not be had at all.
   */
  key(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey | KeyObject | Uint8Array>
}
