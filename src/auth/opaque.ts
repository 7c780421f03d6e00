import type { LRUCache } from 'lru-cache'
import type { Logger } from '../logging/index.js'
import { type Credential, type Fingerprinter, readCredential } from '../token/index.js'
import type { Authenticated, CachingAuthenticator, Refused } from './authenticator.js'
import { BoundedCalls } from './bounded-calls.js'
import { type Introspected, Introspection, type IntrospectionOptions, introspected } from './introspection.js'
import { INACTIVE, KEY_MANAGER_UNAVAILABLE, MALFORMED, UNTYPED_TOKEN } from './refusals.js'
import { TokenFlights, tokenCache } from './token-cache.js'

export interface OpaqueAuthenticatorOptions extends Omit<IntrospectionOptions, 'timeout'> {
  /** Milliseconds, waiting for a turn included, after which a request is answered 503. */
  readonly timeout?: number
  /** Milliseconds by which clocks may differ: applied to `exp` and `nbf`. */
  readonly timestampSkew: number
  /** How many active tokens are cached, and how many inactive ones. */
  readonly cacheCapacity: number
  /** Milliseconds for which an active token is cached at most. */
  readonly cacheExpiryTime: number
  /** Whether no realtime source is live. Default true, until {@link OpaqueAuthenticator.setRealtimeDown} says otherwise. */
  readonly realtimeDown?: boolean
  /**
   * Accept an active token of which nothing says that it is an access token, nor another. Default false: some servers
   * leave `token_type` out for refresh tokens alone.
   */
  readonly acceptUntypedTokens?: boolean
  readonly fingerprints: Fingerprinter
  /** Epoch ms by the key manager's own clock, as far as known. Default: ours. */
  readonly issuersNow?: () => number
  /** The issuers that are configured: a token of which nothing names the issuer counts as one of each. */
  readonly issuers?: readonly string[]
  readonly logger: Logger
}

/** How long an inactive token is cached, ms: a token may become active a moment after it was issued. */
const NEGATIVE_LIFETIME = 3_000
/** How long an active token is cached while no realtime source is live, ms. */
const REALTIME_DOWN_LIFETIME = 10_000
const TIMEOUT = 5_000
/** Concurrent introspection calls, and those that wait for their turn. */
const MAX_ASKING = 64
const MAX_WAITING = 1_024
/** Minimum time between two log lines about failed introspection, ms. */
const LOG_INTERVAL = 10_000

/**
 * Introspects tokens at the key manager (RFC 7662): once for all requests that wait for the answer, and not again while
 * the answer is fresh. With neither a fresh answer nor a key manager that gives one, a request is refused with 503.
 */
export class OpaqueAuthenticator implements CachingAuthenticator {
  readonly #options: OpaqueAuthenticatorOptions
  readonly #introspection: Introspection
  readonly #calls = new BoundedCalls(MAX_ASKING, MAX_WAITING)
  readonly #active: LRUCache<string, Introspected>
  /** Inactive tokens, until when (epoch ms). A cache of its own, since anyone can fill it. */
  readonly #inactive: LRUCache<string, number>
  readonly #flights = new TokenFlights()
  #realtimeDown: boolean
  #loggedAt = Number.NEGATIVE_INFINITY
  #saidUntyped = false

  constructor(options: OpaqueAuthenticatorOptions) {
    this.#options = options
    this.#introspection = new Introspection({ ...options, timeout: options.timeout ?? TIMEOUT })
    this.#active = tokenCache(options.cacheCapacity)
    this.#inactive = tokenCache(options.cacheCapacity)
    this.#realtimeDown = options.realtimeDown ?? true
  }

  /** Drops active tokens from the cache, and does not cache answers under way: revocations may have been missed. */
  flush(): void {
    this.#flights.forget()
    this.#active.clear()
  }

  /** While no realtime source is live, an answer is fresh for {@link REALTIME_DOWN_LIFETIME} at most. */
  setRealtimeDown(down: boolean): void {
    this.#realtimeDown = down
  }

  known(credential: string, now: number): Authenticated | undefined {
    const known = this.#active.get(credential)
    // A clock that was set back before the answer: its age is unknown.
    if (known === undefined || now >= known.authenticated.usableUntil || now < known.askedAt) return undefined
    return this.#realtimeDown && now >= known.askedAt + REALTIME_DOWN_LIFETIME ? undefined : known.authenticated
  }

  authenticate(credential: string, now: number): Authenticated | Refused | Promise<Authenticated | Refused> {
    const known = this.known(credential, now)
    if (known !== undefined) return known
    const refusedUntil = this.#inactive.get(credential)
    if (refusedUntil !== undefined && now < refusedUntil) return INACTIVE
    const flight = this.#flights.find(credential)
    if (flight !== undefined) return flight
    const read = readCredential(credential)
    if (read.kind === 'refused') return MALFORMED
    return this.#flights.start(credential, (generation) => this.#ask(credential, read, now, generation))
  }

  async #ask(credential: string, read: Credential, now: number, generation: number): Promise<Authenticated | Refused> {
    const signal = AbortSignal.timeout(this.#options.timeout ?? TIMEOUT)
    try {
      const claims = await this.#calls.run(() => this.#introspection.ask(credential, signal), signal)
      const outcome = claims === undefined ? INACTIVE : introspected(read, claims, now, this.#options)
      if (outcome === UNTYPED_TOKEN) this.#untyped()
      if ('fault' in outcome) {
        this.#inactive.set(credential, now + NEGATIVE_LIFETIME)
        return outcome
      }
      if (generation === this.#flights.generation) this.#active.set(credential, outcome)
      return outcome.authenticated
    } catch (error) {
      this.#failed(error, now)
      return KEY_MANAGER_UNAVAILABLE
    }
  }

  /** Once: it holds for every token of this key manager, or for its refresh tokens alone. */
  #untyped(): void {
    if (this.#saidUntyped) return
    this.#saidUntyped = true
    this.#options.logger.warn(
      'introspection response without token_type: token refused; set keyManager.acceptUntypedTokens = true if this key manager never sends it, and refresh tokens are not active there',
    )
  }

  #failed(error: unknown, now: number): void {
    if (now - this.#loggedAt < LOG_INTERVAL) return
    this.#loggedAt = now
    this.#options.logger.error('introspection failed', error)
  }
}
