import type { Dispatcher } from 'undici'
import { type Answer, call } from '../http-client/index.js'
import { describeTarget } from '../logging/index.js'
import {
  type Credential,
  claimName,
  type Fingerprinter,
  identify,
  isExpiry,
  isNumericDate,
  readObject,
} from '../token/index.js'
import type { Authenticated, Refused } from './authenticator.js'
import { type Claims, keyTypeOf, scopesOf } from './claims.js'
import type { KeyManagerCredentials } from './key-manager-credentials.js'
import { CLAIMS, EXPIRED, NO_ACCESS_TOKEN, UNTYPED_TOKEN } from './refusals.js'

/** Bytes of an answer: the largest token's claims, and more. */
const MAX_BYTES = 256 * 1024

/** The key manager's response is unusable. The message names the host, never the token or credentials. */
class IntrospectionError extends Error {
  override readonly name = 'IntrospectionError'
  readonly code = 'ERR_INTROSPECTION'
}

export interface IntrospectionOptions {
  /** Of the introspection endpoint. */
  readonly url: string
  readonly client: Dispatcher
  readonly credentials: KeyManagerCredentials
  /** Milliseconds for one call. */
  readonly timeout: number
}

/** The URL of one of the key manager's OAuth 2 endpoints: `{serverUrl}/{tokenContext}/{name}`, without empty segments. */
export function keyManagerUrl(serverUrl: string, tokenContext: string, name: string): string {
  const { origin, pathname } = new URL(serverUrl)
  const path = [pathname, tokenContext].flatMap((part) => part.split('/').filter((segment) => segment !== ''))
  return [origin, ...path, name].join('/')
}

/** Asks a key manager, or an issuer, about tokens (RFC 7662). */
export class Introspection {
  readonly #options: IntrospectionOptions

  constructor(options: IntrospectionOptions) {
    this.#options = options
  }

  /**
   * The claims of an active token; `undefined` for one that is not active. Throws {@link IntrospectionError} for any
   * answer that is not RFC 7662's, `CallError` without one, and what the credentials throw.
   */
  async ask(token: string, signal: AbortSignal): Promise<Claims | undefined> {
    const { credentials } = this.#options
    const authorization = await credentials.authorization()
    const answer = await this.#post(token, authorization, signal)
    if (answer.status !== 401 || !credentials.rejected(authorization)) return this.#read(answer)
    return this.#read(await this.#post(token, await credentials.authorization(), signal))
  }

  #post(token: string, authorization: string | undefined, signal: AbortSignal): Promise<Answer> {
    const { url, client, timeout } = this.#options
    return call(client, {
      url,
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
      timeout,
      maxBytes: MAX_BYTES,
      signal,
    })
  }

  #read({ status, body }: Answer): Claims | undefined {
    const where = describeTarget(this.#options.url)
    if (status !== 200) throw new IntrospectionError(`${where} answered ${status}`)
    const claims = readObject(body.toString('base64url'))
    if (typeof claims?.active !== 'boolean')
      throw new IntrospectionError(`${where} returned an invalid introspection response`)
    return claims.active ? claims : undefined
  }
}

export interface IntrospectedOptions {
  readonly timestampSkew: number
  readonly cacheExpiryTime: number
  readonly acceptUntypedTokens?: boolean
  readonly fingerprints: Fingerprinter
  /** Epoch ms by the key manager's own clock, as far as known: ours may be behind. Default: ours. */
  readonly issuersNow?: () => number
  /** The issuers that tokens and revocations may be of: a token of which nothing names the issuer counts as one of each. */
  readonly issuers?: readonly string[]
}

/** An active token, and when (epoch ms) the question was asked that it is the answer to. */
export interface Introspected {
  readonly authenticated: Authenticated
  readonly askedAt: number
}

/** How long a token without `exp` is remembered, ms: nothing else says how long it may be. */
const NO_EXPIRY_LIFETIME = 10_000

/** What servers call an access token, in `token_type` (WSO2, Spring), `typ` (Keycloak) or `token_use` (Hydra). */
const ACCESS_TOKEN_TYPES: ReadonlySet<string> = new Set(['bearer', 'access_token', 'at+jwt', 'jwt'])

/**
 * What an active token is worth. `iss` and `aud` are not checked: the answer is the configured key manager's, which
 * decides for whom it calls a token active. Throws {@link IntrospectionError} for an invalid timestamp.
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
  const wrongType = typeRefusal(claims, written, options.acceptUntypedTokens === true)
  if (wrongType !== undefined) return wrongType
  const ownExpiry = typeof written.exp === 'number' ? time(written.exp) : Number.POSITIVE_INFINITY
  const expiresAt = Math.min(time(claims.exp), ownExpiry) * 1000
  const until = expiresAt + timestampSkew
  if (now >= until) return EXPIRED
  if (claims.nbf !== undefined && time(claims.nbf) * 1000 > now + timestampSkew) return CLAIMS
  const latest = Math.max(now, options.issuersNow?.() ?? now) + timestampSkew
  if (Math.max(issuedAt(claims.iat), issuedAt(written.iat)) > latest) return CLAIMS
  const limit = until === Number.POSITIVE_INFINITY ? Math.min(NO_EXPIRY_LIFETIME, cacheExpiryTime) : cacheExpiryTime
  // WSO2 calls the user `username`, and some servers then say `"sub": null`.
  const named = claimName(claims.sub) === undefined ? { ...claims, sub: claims.username } : claims
  const authenticated = {
    identity: identify(credential, named, options.fingerprints, 'aud', written, options.issuers),
    scopes: scopesOf(claims),
    keyType: keyTypeOf(claims),
    usableUntil: Math.min(until, now + limit),
    expiresAt,
  }
  return { authenticated, askedAt: now }
}

/** Where the answer has no type, a JWT's own word still counts: Keycloak's refresh tokens say that they are. */
function typeRefusal(claims: Claims, written: Claims, acceptUntyped: boolean): Refused | undefined {
  const types = typesIn(claims)
  if (![...types, ...(types.length === 0 ? typesIn(written) : [])].every(isAccessTokenType)) return NO_ACCESS_TOKEN
  return types.length > 0 || acceptUntyped ? undefined : UNTYPED_TOKEN
}

function typesIn(claims: Claims): unknown[] {
  return [claims.token_type, claims.typ, claims.token_use].filter((type) => type !== undefined)
}

function isAccessTokenType(type: unknown): boolean {
  return typeof type === 'string' && ACCESS_TOKEN_TYPES.has(type.toLowerCase())
}

/** Epoch ms of an `iat`, which some key managers write in milliseconds; 0 without one. */
function issuedAt(value: unknown): number {
  if (typeof value !== 'number') return 0
  return isNumericDate(value) ? value * 1000 : value
}

/** Seconds since the epoch; infinite if absent. */
function time(value: unknown): number {
  if (value === undefined) return Number.POSITIVE_INFINITY
  if (typeof value === 'number' && isExpiry(value)) return value
  throw new IntrospectionError('introspection response has an invalid timestamp')
}
