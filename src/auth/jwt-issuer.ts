import { errors, type JWSHeaderParameters, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import { type CompactJwt, isExpiry, isNumericDate } from '../token/index.js'
import type { StandingCheck } from './authenticator.js'
import { type ClaimMapping, checkMappings } from './claims.js'
import { type ClaimsRules, checkClaims } from './claims-set.js'
import { verifyShort } from './short-signatures.js'
import {
  ASYMMETRIC_ALGORITHMS,
  MAX_KEYS_TRIED,
  PARTS_NOT_LOOKED_AT,
  type VerificationKeys,
} from './verification-keys.js'

/** An issuer whose tokens are accepted: one `[[jwtTokenConfig]]`. Several may have the same `issuer`. */
export interface JwtIssuer {
  readonly issuer: string
  /** One of these must be among the token's audiences; empty: any audience. */
  readonly audience: readonly string[]
  readonly keys: VerificationKeys
  /** The claim that names the client beside `azp`, `client_id` and `consumerKey`. */
  readonly consumerKeyClaim: string
  /** Claims that the issuer names differently. Applied after the signature, `iss`, `aud`, `exp` and `nbf` are checked. */
  readonly claims?: readonly ClaimMapping[]
  /** Accept only the type `at+jwt` (RFC 9068 §4). */
  readonly requireAccessTokenType?: boolean
  /** Asks the issuer about tokens that verified; absent: the signature is enough. */
  readonly standing?: StandingCheck | undefined
  /** Called for each token that verified and names no session: the end of its session would not find it. */
  readonly onNoSession?: (() => void) | undefined
}

/** The issuers by `iss`, in the order of the configuration. Throws `ClaimMappingError`. */
export function byIssuer(issuers: readonly JwtIssuer[]): ReadonlyMap<string, readonly JwtIssuer[]> {
  const found = new Map<string, JwtIssuer[]>()
  for (const one of issuers) {
    checkMappings(one.claims ?? [])
    const same = found.get(one.issuer)
    if (same === undefined) found.set(one.issuer, [one])
    else same.push(one)
  }
  return found
}

/**
 * The verified payload of an issuer's token. Throws one of jose's errors for a token that this issuer did not sign or that
 * is no longer valid, and another error if the issuer's keys are unavailable.
 *
 * @param credential as it was sent: old WSO2 versions sign the padding of their segments too
 * @param jwt the same, read
 * @param skew milliseconds
 * @param issuersNow epoch ms by the issuers' own clocks, as far as known: ours may be behind
 */
export async function verifyFor(
  issuer: JwtIssuer,
  credential: string,
  jwt: CompactJwt,
  skew: number,
  now: number,
  issuersNow: () => number,
): Promise<JWTPayload> {
  const { audience, requireAccessTokenType = false, keys } = issuer
  const algorithms = keys.algorithms ?? ASYMMETRIC_ALGORITHMS
  const alg = String(jwt.header.alg)
  if (!algorithms.includes(alg))
    throw new errors.JOSEAlgNotAllowed('"alg" (Algorithm) Header Parameter value not allowed')
  const latest = () => Math.max(now, issuersNow()) + skew
  const rules = { issuer: issuer.issuer, audience, requireAccessTokenType, skew, now }
  try {
    const key = await keys.key(jwt.header as JWSHeaderParameters, PARTS_NOT_LOOKED_AT)
    const isSigned = verifyShort(alg, key, credential.slice(0, credential.lastIndexOf('.')), jwt.signature)
    if (isSigned === false) throw new errors.JWSSignatureVerificationFailed()
    if (isSigned === undefined)
      return withGoodTimes((await jwtVerify(credential, key, joseOptions(rules, algorithms))).payload, latest())
    checkClaims(jwt.header, jwt.claims, rules)
    return withGoodTimes(jwt.claims, latest())
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) {
      return verifyWithAny(error, credential, joseOptions(rules, algorithms), latest())
    }
    throw error
  }
}

/** The same rules for jose. */
function joseOptions(rules: ClaimsRules, algorithms: readonly string[]): JWTVerifyOptions {
  const { issuer, audience, requireAccessTokenType, skew, now } = rules
  return {
    algorithms: [...algorithms],
    issuer,
    ...(audience.length === 0 ? {} : { audience: [...audience] }),
    ...(requireAccessTokenType ? { typ: 'at+jwt' } : {}),
    requiredClaims: ['exp'],
    clockTolerance: skew / 1000,
    currentDate: new Date(now),
  }
}

/**
 * Throws jose's error for an invalid claim if `exp`, `nbf` or `iat` is not in seconds, or the token was issued after `latest`
 * (epoch ms): a rule about all that was issued so far would spare it.
 */
function withGoodTimes(payload: JWTPayload, latest: number): JWTPayload {
  for (const claim of ['exp', 'nbf', 'iat'] as const) {
    const moment = payload[claim]
    if (moment === undefined || (claim === 'exp' ? isExpiry : isNumericDate)(moment)) continue
    throw new errors.JWTClaimValidationFailed('not a moment in seconds', payload, claim, 'check_failed')
  }
  if (payload.iat !== undefined && payload.iat * 1000 > latest)
    throw new errors.JWTClaimValidationFailed('issued in the future', payload, 'iat', 'check_failed')
  return payload
}

async function verifyWithAny(
  keys: errors.JWKSMultipleMatchingKeys,
  credential: string,
  options: JWTVerifyOptions,
  latest: number,
): Promise<JWTPayload> {
  let tried = 0
  for await (const key of keys) {
    if (++tried > MAX_KEYS_TRIED) break
    try {
      return withGoodTimes((await jwtVerify(credential, key, options)).payload, latest)
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
    }
  }
  throw new errors.JWSSignatureVerificationFailed()
}

/** The event that makes a logout token of a JWT (OpenID Connect Back-Channel Logout 1.0, §2.4). */
export const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** Not an access token, whatever its signature: unsigned, of another type, nested, or a logout token of no explicit type. */
export function isNoAccessToken({ header, claims }: CompactJwt): boolean {
  const { alg, typ, cty, crit } = header
  if (typeof alg !== 'string' || alg.toLowerCase() === 'none') return true
  // RFC 7515 §4.1.11: an unknown extension must be refused. jose alone would accept `b64`.
  if (crit !== undefined) return true
  if (cty !== undefined && (typeof cty !== 'string' || mediaType(cty) === 'jwt')) return true
  const { events } = claims
  if (typeof events === 'object' && events !== null && Object.hasOwn(events, LOGOUT_EVENT)) return true
  if (typ === undefined) return false
  // Explicit types (RFC 8725 §3.11) keep an issuer's log-out or DPoP tokens from passing for access tokens.
  return typeof typ !== 'string' || (mediaType(typ).endsWith('+jwt') && mediaType(typ) !== 'at+jwt')
}

/** A media type as `typ` and `cty` have it, without case and without `application/`, which both may leave out. */
export function mediaType(value: string): string {
  return value.toLowerCase().replace(/^application\//, '')
}
