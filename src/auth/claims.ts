import type { Authenticated } from './authenticator.js'

/** Verified claims: by the issuer's signature, or by introspection. */
export type Claims = Readonly<Record<string, unknown>>

/** One `[[jwtTokenConfig.claims]]`: the gateway reads `localClaim` where the issuer writes `remoteClaim`. */
export interface ClaimMapping {
  readonly remoteClaim: string
  readonly localClaim: string
}

/** These decide whether a token is accepted: no other claim may replace them. */
const NOT_MAPPED: ReadonlySet<string> = new Set(['iss', 'aud', 'exp', 'nbf', 'iat'])

/** A mapping onto a claim that decides whether a token is accepted. */
class ClaimMappingError extends Error {
  override readonly name = 'ClaimMappingError'
  readonly code = 'ERR_CLAIM_MAPPING'
}

/** Throws {@link ClaimMappingError} for a mapping onto `iss`, `aud`, `exp`, `nbf` or `iat`. */
export function checkMappings(mappings: readonly ClaimMapping[]): void {
  for (const { localClaim } of mappings) {
    if (NOT_MAPPED.has(localClaim)) throw new ClaimMappingError(`no claim can be mapped to "${localClaim}"`)
  }
}

/** The claims by the gateway's names. The issuer's names stay; where both are present, the mapped claim counts. */
export function mapClaims(claims: Claims, mappings: readonly ClaimMapping[]): Claims {
  if (mappings.length === 0) return claims
  const mapped = mappings
    .filter(({ remoteClaim }) => Object.hasOwn(claims, remoteClaim))
    .map(({ remoteClaim, localClaim }) => [localClaim, claims[remoteClaim]])
  return Object.fromEntries([...Object.entries(claims), ...mapped])
}

/** RFC 8693's `scope`, a string of words; some issuers write an array, some call it `scp`. */
export function scopesOf(claims: Claims): ReadonlySet<string> {
  const scope = claims.scope ?? claims.scp
  if (typeof scope === 'string') return new Set(scope.split(' ').filter((word) => word !== ''))
  if (Array.isArray(scope)) return new Set(scope.filter((word) => typeof word === 'string'))
  return new Set()
}

/** WSO2's `keytype`: production, unless it says sandbox. */
export function keyTypeOf(claims: Claims): Authenticated['keyType'] {
  return claims.keytype === 'SANDBOX' ? 'SANDBOX' : 'PRODUCTION'
}
