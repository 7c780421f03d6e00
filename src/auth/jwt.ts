import type { JWTPayload } from 'jose'
import type { LRUCache } from 'lru-cache'
import { type CompactJwt, type Fingerprinter, identify, readCredential } from '../token/index.js'
import type { Authenticated, CachingAuthenticator, Refused } from './authenticator.js'
import { keyTypeOf, mapClaims, scopesOf } from './claims.js'
import { byIssuer, isNoAccessToken, type JwtIssuer, verifyFor } from './jwt-issuer.js'
import { MALFORMED, OPAQUE, refusalOf, stronger, UNKNOWN_ISSUER } from './jwt-refusals.js'
import { tokenCache } from './token-cache.js'

export interface JwtAuthenticatorOptions {
  readonly issuers: readonly JwtIssuer[]
  /** Milliseconds by which clocks may differ: applied to `exp` and `nbf`. */
  readonly timestampSkew: number
  /** How many verified tokens are remembered. */
  readonly cacheCapacity: number
  /** Milliseconds for which a verified token is remembered at most. */
  readonly cacheExpiryTime: number
  readonly fingerprints: Fingerprinter
}

interface Flight {
  readonly generation: number
  readonly outcome: Promise<Authenticated | Refused>
}

/**
 * Verifies JWTs (RFC 7519, by jose) of the configured issuers and remembers those that it verified, keyed by the exact
 * credential, until the earlier of their `exp` and the cache's own limit. docs/tokens.md lists what is accepted.
 */
export class JwtAuthenticator implements CachingAuthenticator {
  readonly #options: JwtAuthenticatorOptions
  readonly #issuers: ReadonlyMap<string, readonly JwtIssuer[]>
  readonly #verified: LRUCache<string, Authenticated>
  /** Tokens that are being verified: requests that come with the same one meanwhile wait for it. */
  readonly #flights = new Map<string, Flight>()
  #generation = 0

  /** Throws `ClaimMappingError` for a claim mapping that cannot be honoured. */
  constructor(options: JwtAuthenticatorOptions) {
    this.#options = options
    this.#issuers = byIssuer(options.issuers)
    this.#verified = tokenCache(options.cacheCapacity)
  }

  known(credential: string, now: number): Authenticated | undefined {
    const known = this.#verified.get(credential)
    return known !== undefined && now < known.usableUntil ? known : undefined
  }

  authenticate(credential: string, now: number): Authenticated | Refused | Promise<Authenticated | Refused> {
    return this.known(credential, now) ?? this.#verifyOnce(credential, now)
  }

  /** Forgets what was verified, and what is being verified: some of the keys that did it are not valid any more. */
  forgetVerified(): void {
    this.#generation++
    this.#verified.clear()
  }

  #verifyOnce(credential: string, now: number): Promise<Authenticated | Refused> {
    const generation = this.#generation
    const underWay = this.#flights.get(credential)
    // One that began before keys were dropped may use a key that is not valid any more.
    if (underWay?.generation === generation) return underWay.outcome
    const outcome = this.#verify(credential, now).finally(() => {
      if (this.#flights.get(credential) === flight) this.#flights.delete(credential)
    })
    const flight: Flight = { generation, outcome }
    this.#flights.set(credential, flight)
    return outcome
  }

  async #verify(credential: string, now: number): Promise<Authenticated | Refused> {
    const jwt = readCredential(credential)
    if (jwt.kind === 'opaque') return OPAQUE
    if (jwt.kind === 'refused' || isNoAccessToken(jwt)) return MALFORMED
    const candidates = this.#issuers.get(String(jwt.claims.iss))
    if (candidates === undefined) return UNKNOWN_ISSUER
    const generation = this.#generation
    const outcome = await this.#verifyForAny(candidates, credential, jwt, now)
    if ('identity' in outcome && generation === this.#generation) this.#verified.set(credential, outcome)
    return outcome
  }

  /**
   * The first issuer that accepts the token decides what its claims mean. If none does, it is refused, unless the keys
   * of one could not be had: that one might have accepted it.
   */
  async #verifyForAny(
    candidates: readonly JwtIssuer[],
    credential: string,
    jwt: CompactJwt,
    now: number,
  ): Promise<Authenticated | Refused> {
    let refusal: Refused | undefined
    let failure: { readonly cause: unknown } | undefined
    for (const issuer of candidates) {
      try {
        const payload = await verifyFor(issuer, credential, this.#options.timestampSkew, now)
        return this.#authenticated(issuer, jwt, payload, now)
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

  #authenticated(issuer: JwtIssuer, jwt: CompactJwt, payload: JWTPayload, now: number): Authenticated {
    const { timestampSkew, cacheExpiryTime, fingerprints } = this.#options
    const claims = mapClaims(payload, issuer.claims ?? [])
    return {
      identity: identify(jwt, claims, fingerprints, issuer.consumerKeyClaim, payload),
      scopes: scopesOf(claims),
      keyType: keyTypeOf(claims),
      usableUntil: Math.min((payload.exp ?? 0) * 1000 + timestampSkew, now + cacheExpiryTime),
    }
  }
}
