import { errors } from 'jose'
import { faults } from '../faults/index.js'
import type { Refused } from './authenticator.js'

const refused = (reason: string): Refused => ({ fault: faults.invalidCredentials, reason })

/** Cannot be read, can be read in two ways, or is no access token whatever its signature. */
export const MALFORMED = refused('malformed')
export const EXPIRED = refused('expired')
export const UNKNOWN_ISSUER = refused('issuer')
/** No JWT, and no key manager that could say what it is. */
export const OPAQUE = refused('opaque')
const CLAIMS = refused('claims')
const SIGNATURE = refused('signature')
const UNKNOWN_KEY = refused('unknown-key')

const BY_CODE: Readonly<Record<string, Refused>> = {
  ERR_JWT_EXPIRED: EXPIRED,
  ERR_JWT_CLAIM_VALIDATION_FAILED: CLAIMS,
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: SIGNATURE,
  ERR_JOSE_ALG_NOT_ALLOWED: refused('algorithm'),
  ERR_JWKS_NO_MATCHING_KEY: UNKNOWN_KEY,
}

/** The refusal that an error of jose's stands for. Throws any other error: it says nothing about the token. */
export function refusalOf(error: unknown): Refused {
  if (error instanceof errors.JOSEError && error.code !== 'ERR_JWKS_TIMEOUT') return BY_CODE[error.code] ?? MALFORMED
  throw error
}

/** Whether nobody could tell that the issuer did sign it; a token that it signed and that is expired is not one of these. */
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
