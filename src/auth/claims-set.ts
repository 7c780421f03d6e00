import { errors } from 'jose'
import type { JsonObject } from '../token/index.js'

/** What a verified token must say for itself. */
export interface ClaimsRules {
  readonly issuer: string
  /** One of these must be among the token's; empty: any. */
  readonly audience: readonly string[]
  /** Require the type `at+jwt` (RFC 9068 §4). */
  readonly requireAccessTokenType: boolean
  /** Milliseconds. */
  readonly skew: number
  /** Epoch ms. */
  readonly now: number
}

/**
 * Checks `typ`, `iss`, `aud`, `exp`, `nbf` and `iat` of a token whose signature was verified, as jose's `jwtVerify` does
 * (RFC 7519 §4.1; `exp` is required), and throws its errors.
 */
export function checkClaims(header: JsonObject, claims: JsonObject, rules: ClaimsRules): void {
  const { issuer, audience, requireAccessTokenType, skew, now } = rules
  if (requireAccessTokenType && !isAccessTokenType(header.typ)) throw failed(claims, 'typ')
  if (claims.iss !== issuer) throw failed(claims, 'iss')
  if (audience.length > 0 && !audience.some((one) => isAmong(one, claims.aud))) throw failed(claims, 'aud')
  const seconds = Math.floor(now / 1000)
  timeOf(claims, 'iat') // a number, if it is there
  const [nbf, exp] = [timeOf(claims, 'nbf'), timeOf(claims, 'exp')]
  if (exp === undefined) throw failed(claims, 'exp')
  if (nbf !== undefined && nbf > seconds + skew / 1000) throw failed(claims, 'nbf')
  if (exp <= seconds - skew / 1000) throw new errors.JWTExpired('expired', claims, 'exp', 'check_failed')
}

function isAccessTokenType(typ: unknown): boolean {
  return typeof typ === 'string' && /^(?:application\/)?at\+jwt$/i.test(typ)
}

function isAmong(one: string, aud: unknown): boolean {
  return Array.isArray(aud) ? aud.includes(one) : aud === one
}

function timeOf(claims: JsonObject, claim: string): number | undefined {
  const value = claims[claim]
  if (value === undefined || typeof value === 'number') return value
  throw failed(claims, claim)
}

function failed(claims: JsonObject, claim: string): Error {
  return new errors.JWTClaimValidationFailed('claim not accepted', claims, claim, 'check_failed')
}
