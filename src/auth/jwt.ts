import type { LRUCache } from 'lru-cache'
import { type CompactJwt, type Fingerprinter, identify, readCredential, type TokenIdentity } from '../token/index.js'
import type { Authenticated, CachingAuthenticator, Refused, TokenOrigin } from './authenticator.js'
import { keyTypeOf, mapClaims, scopesOf } from './claims.js'
import { type Examination, examine } from './examination.js'
import { byIssuer, isNoAccessToken, type JwtIssuer, verifyFor } from './jwt-issuer.js'
import { MALFORMED, OPAQUE, refusalOf, stronger, UNKNOWN_ISSUER } from './refusals.js'
import { signatureProblem } from './signed-message.js'
import { type CacheObserver, TokenFlights, tokenCache } from './token-cache.js'

export interface JwtAuthenticatorOptions {
  readonly issuers: readonly JwtIssuer[]
  /** See {@link JwtAuthenticator.knownIssuers}. Default: these issuers. */
  readonly knownIssuers?: readonly string[]
  /** Milliseconds by which clocks may differ: applied to `exp` and `nbf`. */
  readonly timestampSkew: number
  /** How many verified tokens are remembered. */
  readonly cacheCapacity: number
  /** Milliseconds for which a verified token is remembered at most. */
  readonly cacheExpiryTime: number
  readonly fingerprints: Fingerprinter
  /** Epoch ms by the issuers' own clocks, as far as known: ours may be behind. Default: ours. */
  readonly issuersNow?: () => number
  /** Told which tokens are remembered. */
  readonly observer?: CacheObserver<Authenticated>
}

/**
 * Verifies JWTs (RFC 7519, by jose) of the configured issuers and caches those that verified, keyed by the exact
 * credential, until the earlier of their `exp` and the cache's own limit. docs/tokens.md lists what is accepted.
 */
export class JwtAuthenticator implements CachingAuthenticator, TokenOrigin {
  readonly #options: JwtAuthenticatorOptions
  readonly #issuers: ReadonlyMap<string, readonly JwtIssuer[]>
  readonly #verified: LRUCache<string, Authenticated>
  readonly #flights = new TokenFlights()

  /** Throws `ClaimMappingError` for a claim mapping that cannot be honoured. */
  constructor(options: JwtAuthenticatorOptions) {
    this.#options = options
    this.#issuers = byIssuer(options.issuers)
    this.#verified = tokenCache(options.cacheCapacity, options.observer)
  }

  known(credential: string, now: number): Authenticated | undefined {
    const known = this.#verified.get(credential)
    return known !== undefined && now < known.usableUntil ? known : undefined
  }

  authenticate(credential: string, now: number): Authenticated | Refused | Promise<Authenticated | Refused> {
    return (
      this.known(credential, now) ??
      this.#flights.find(credential) ??
      this.#flights.start(credential, (generation) => this.#verify(credential, now, generation))
    )
  }

  async isIssued(credential: string): Promise<boolean | undefined> {
    const jwt = readCredential(credential)
    if (jwt.kind !== 'jwt' || isNoAccessToken(jwt)) return false
    const issuers = this.#issuers.get(String(jwt.claims.iss)) ?? []
    const problem = await signatureProblem(
      credential,
      jwt,
      issuers.map(({ keys }) => keys),
    )
    if (problem === undefined) return true
    return problem === 'key' ? undefined : false
  }

  /** Who a JWT would come from if it verified: an identity for each configuration of its issuer. */
  unverified(jwt: CompactJwt): TokenIdentity[] {
    const { fingerprints } = this.#options
    const issuers = this.#issuers.get(String(jwt.claims.iss)) ?? []
    if (issuers.length === 0) return [identify(jwt, jwt.claims, fingerprints, undefined, undefined, this.knownIssuers)]
    return issuers.map(({ claims = [], consumerKeyClaim }) =>
      identify(jwt, mapClaims(jwt.claims, claims), fingerprints, consumerKeyClaim, jwt.claims),
    )
  }

  /** What each configuration of a token's issuer says of it; asks no cache. */
  examine(credential: string, now: number): Promise<Examination> {
    const { timestampSkew, issuersNow = () => now } = this.#options
    return examine(credential, this.#issuers, timestampSkew, now, issuersNow)
  }

  /** The issuers that tokens and revocations may be of: what nobody says the issuer of may be any one's. */
  get knownIssuers(): readonly string[] {
    return this.#options.knownIssuers ?? [...this.#issuers.keys()]
  }

  /** Drops verified tokens from the cache, those being verified included: some of the keys are no longer valid. */
  forgetVerified(): void {
    this.#flights.forget()
    this.#verified.clear()
  }

  async #verify(credential: string, now: number, generation: number): Promise<Authenticated | Refused> {
    const jwt = readCredential(credential)
    if (jwt.kind === 'opaque') return OPAQUE
    if (jwt.kind === 'refused' || isNoAccessToken(jwt)) return MALFORMED
    const candidates = this.#issuers.get(String(jwt.claims.iss))
    if (candidates === undefined) return UNKNOWN_ISSUER
    const outcome = await this.#verifyForAny(candidates, credential, jwt, now)
    if ('identity' in outcome && generation === this.#flights.generation) this.#verified.set(credential, outcome)
    return outcome
  }

  /**
   * The first issuer that accepts the token decides what its claims mean. If none does, it is refused, unless the keys
   * of one are unavailable: that one might have accepted it.
   */
  async #verifyForAny(
    candidates: readonly JwtIssuer[],
    credential: string,
    jwt: CompactJwt,
    now: number,
  ): Promise<Authenticated | Refused> {
    const { timestampSkew, issuersNow = () => now } = this.#options
    let refusal: Refused | undefined
    let failure: { readonly cause: unknown } | undefined
    for (const issuer of candidates) {
      try {
        const { exp = 0 } = await verifyFor(issuer, credential, jwt, timestampSkew, now, issuersNow)
        return this.#authenticated(issuer, jwt, exp, now)
      } catch (error) {
        try {
          const another = refusalOf(error)
          refusal = refusal === undefined ? another : stronger(refusal, another)
        } catch (cause) {
          failure = { cause }
        }
      }
    }
    if (failure !== undefined) throw failure.cause
    return refusal ?? UNKNOWN_ISSUER
  }

  /** The claims are those that {@link readCredential} read, with all digits; `jose` verified the same text. */
  #authenticated(issuer: JwtIssuer, jwt: CompactJwt, exp: number, now: number): Authenticated {
    const { timestampSkew, cacheExpiryTime, fingerprints } = this.#options
    const claims = mapClaims(jwt.claims, issuer.claims ?? [])
    const identity = identify(jwt, claims, fingerprints, issuer.consumerKeyClaim, jwt.claims)
    if (identity.sessions.length === 0) issuer.onNoSession?.()
    return {
      identity,
      scopes: scopesOf(claims),
      keyType: keyTypeOf(claims),
      usableUntil: Math.min(exp * 1000 + timestampSkew, now + cacheExpiryTime),
      expiresAt: exp * 1000,
      standing: issuer.standing,
    }
  }
}
