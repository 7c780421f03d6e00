import { errors } from 'jose'
import { faults } from '../faults/index.js'
import type { Refused } from './authenticator.js'

/** Every refusal of a credential: what the client is told, and the reason for logs and metrics. */

const refused = (reason: string): Refused => ({ fault: faults.invalidCredentials, reason })

/** Unreadable, readable in two ways, or not an access token whatever its signature. */
export const MALFORMED = refused('malformed')
/** An opaque token that ends in `=`. */
export const PADDED = refused('malformed')
export const EXPIRED = refused('expired')
export const UNKNOWN_ISSUER = refused('issuer')
/** Not a JWT, and no key manager is configured to introspect it. */
export const OPAQUE = refused('opaque')
export const CLAIMS = refused('claims')
const SIGNATURE = refused('signature')
const UNKNOWN_KEY = refused('unknown-key')
/** The key manager calls it active, and it is not an access token. */
export const NO_ACCESS_TOKEN = refused('token-type')
/** The key manager calls it active, and nothing says whether it is an access token. */
export const UNTYPED_TOKEN = refused('token-type')
export const INACTIVE = refused('inactive')
/** The key manager did not answer: nothing is said about the token. */
export const KEY_MANAGER_UNAVAILABLE: Refused = { fault: faults.keyManagerUnavailable, reason: 'key-manager' }

const BY_CODE: Readonly<Record<string, Refused>> = {
  ERR_JWT_EXPIRED: EXPIRED,
  ERR_JWT_CLAIM_VALIDATION_FAILED: CLAIMS,
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: SIGNATURE,
  ERR_JOSE_ALG_NOT_ALLOWED: refused('algorithm'),
  ERR_JWKS_NO_MATCHING_KEY: UNKNOWN_KEY,
}

/** The refusal that one of jose's errors stands for. Rethrows any other error: it says nothing about the token. */
export function refusalOf(error: unknown): Refused {
  if (error instanceof errors.JOSEError && error.code !== 'ERR_JWKS_TIMEOUT') return BY_CODE[error.code] ?? MALFORMED
  throw error
}

/** Whether the issuer's signature was not verified. A token that the issuer signed and that expired is verified. */
export function isUnverified(refusal: Refused): boolean {
  return refusal === UNKNOWN_ISSUER || refusal === UNKNOWN_KEY || refusal === SIGNATURE
}

/**
 * What two configurations of one issuer say together: a token that one of them verified, and refuses for its claims, is
 * that issuer's; otherwise one that neither could verify; otherwise the earlier one's word.
 */
export function stronger(a: Refused, b: Refused): Refused {
  return [a, b].find((one) => one === EXPIRED || one === CLAIMS) ?? [a, b].find(isUnverified) ?? a
}
