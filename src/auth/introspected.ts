import { faults } from '../faults/index.js'
import { type Credential, type Fingerprinter, identify, isExpiry } from '../token/index.js'
import type { Authenticated, Refused } from './authenticator.js'
import { type Claims, keyTypeOf, scopesOf } from './claims.js'
import { IntrospectionError } from './introspection.js'

export interface IntrospectedOptions {
  readonly timestampSkew: number
  readonly cacheExpiryTime: number
  readonly acceptUntypedTokens?: boolean
  readonly fingerprints: Fingerprinter
}

/** An active token, and when (epoch ms) the question was asked that it is the answer to. */
export interface Introspected {
  readonly authenticated: Authenticated
  readonly askedAt: number
}

/** How long a token without `exp` is remembered, ms: nothing else says how long it may be. */
export const NO_EXPIRY_LIFETIME = 10_000

const refused = (reason: string): Refused => ({ fault: faults.invalidCredentials, reason })
const EXPIRED = refused('expired')
const NOT_YET = refused('claims')
const NO_ACCESS_TOKEN = refused('token-type')
/** What servers call an access token, in `token_type` (WSO2, Spring), `typ` (Keycloak) or `token_use` (Hydra). */
const ACCESS_TOKEN_TYPES: ReadonlySet<string> = new Set(['bearer', 'access_token', 'at+jwt', 'jwt'])

/**
 * What an active token is worth. `iss` and `aud` are not checked: the answer is the configured key manager's, which
 * decides for whom it calls a token active. Throws `IntrospectionError` for times that are none.
 *
 * @param claims the whole answer
 */
export function introspected(
  credential: Credential,
  claims: Claims,
  now: number,
  options: IntrospectedOptions,
): Introspected | Refused {
  const { timestampSkew, cacheExpiryTime } = options
  const written: Claims = credential.kind === 'jwt' ? credential.claims : {}
  if (!isAccessToken(claims, written, options.acceptUntypedTokens === true)) return NO_ACCESS_TOKEN
  const ownExpiry = typeof written.exp === 'number' ? time(written.exp) : Number.POSITIVE_INFINITY
  const until = Math.min(time(claims.exp), ownExpiry) * 1000 + timestampSkew
  if (now >= until) return EXPIRED
  if (claims.nbf !== undefined && time(claims.nbf) * 1000 > now + timestampSkew) return NOT_YET
  const limit = until === Number.POSITIVE_INFINITY ? Math.min(NO_EXPIRY_LIFETIME, cacheExpiryTime) : cacheExpiryTime
  // WSO2 calls the user `username`.
  const named = claims.sub === undefined ? { ...claims, sub: claims.username } : claims
  const authenticated = {
    identity: identify(credential, named, options.fingerprints, 'aud', written),
    scopes: scopesOf(claims),
    keyType: keyTypeOf(claims),
    usableUntil: Math.min(until, now + limit),
  }
  return { authenticated, askedAt: now }
}

/** Where the answer has no type, a JWT's own word still counts: Keycloak's refresh tokens say that they are. */
function isAccessToken(claims: Claims, written: Claims, acceptUntyped: boolean): boolean {
  const types = typesIn(claims)
  if (types.length === 0) return acceptUntyped && typesIn(written).every(isAccessTokenType)
  return types.every(isAccessTokenType)
}

function typesIn(claims: Claims): unknown[] {
  return [claims.token_type, claims.typ, claims.token_use].filter((type) => type !== undefined)
}

function isAccessTokenType(type: unknown): boolean {
  return typeof type === 'string' && ACCESS_TOKEN_TYPES.has(type.toLowerCase())
}

/** Seconds since the epoch; none: for ever. */
function time(value: unknown): number {
  if (value === undefined) return Number.POSITIVE_INFINITY
  if (typeof value === 'number' && isExpiry(value)) return value
  throw new IntrospectionError('the key manager answered a time that is none')
}
