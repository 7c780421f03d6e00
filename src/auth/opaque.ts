import type { LRUCache } from 'lru-cache'
import { faults } from '../faults/index.js'
import type { Logger } from '../logging/index.js'
import { type Credential, type Fingerprinter, readCredential } from '../token/index.js'
import type { Authenticated, CachingAuthenticator, Refused } from './authenticator.js'
import { BoundedCalls } from './bounded-calls.js'
import { type Introspected, introspected } from './introspected.js'
import { Introspection, type IntrospectionOptions } from './introspection.js'
import { MALFORMED } from './jwt-refusals.js'
import { tokenCache } from './token-cache.js'

export interface OpaqueAuthenticatorOptions extends Omit<IntrospectionOptions, 'timeout'> {
  /** Milliseconds until a request is answered 503 instead, waiting for its turn included. */
  readonly timeout?: number
  /** Milliseconds by which clocks may differ: applied to `exp` and `nbf`. */
  readonly timestampSkew: number
  /** How many active tokens are remembered, and how many others. */
  readonly cacheCapacity: number
  /** Milliseconds for which an active token is remembered at most. */
  readonly cacheExpiryTime: number
  /** Whether revocations do not come at once. Default true, until {@link OpaqueAuthenticator.setRealtimeDown} says otherwise. */
  readonly realtimeDown?: boolean
  /**
   * Accept an active token of which nothing says that it is an access token, nor another. Default false: some servers
   * leave `token_type` out for refresh tokens alone.
   */
  readonly acceptUntypedTokens?: boolean
  readonly fingerprints: Fingerprinter
  readonly logger: Logger
}

/** How long what is not active is remembered, ms: a token may become active elsewhere a moment after it was issued. */
export const NEGATIVE_LIFETIME = 3_000
/** How long an active token is remembered while nobody would tell us at once that it is revoked, ms. */
export const REALTIME_DOWN_LIFETIME = 10_000
const TIMEOUT = 5_000
/** Questions that the key manager is asked at once, and those that wait for their turn. */
const MAX_ASKING = 64
const MAX_WAITING = 1_024
/** At least this long between two lines in the log about a key manager that cannot be asked, ms. */
const LOG_INTERVAL = 10_000

const INACTIVE: Refused = { fault: faults.invalidCredentials, reason: 'inactive' }
const UNAVAILABLE: Refused = { fault: faults.keyManagerUnavailable, reason: 'key-manager' }

interface Flight {
  readonly generation: number
  readonly outcome: Promise<Authenticated | Refused>
}

/**
 * Asks the key manager (RFC 7662) what a token is worth: once for all the requests that wait for it, and not again while
 * the answer is fresh. Without a fresh answer and without a key manager that gives one, a request is refused with 503.
 */
export class OpaqueAuthenticator implements CachingAuthenticator {
  readonly #options: OpaqueAuthenticatorOptions
  readonly #introspection: Introspection
  readonly #calls = new BoundedCalls(MAX_ASKING, MAX_WAITING)
  readonly #active: LRUCache<string, Introspected>
  /** What is not active, until when (epoch ms). Apart from the active ones: strangers can fill it. */
  readonly #inactive: LRUCache<string, number>
  readonly #flights = new Map<string, Flight>()
  #generation = 0
  #realtimeDown: boolean
  #loggedAt = Number.NEGATIVE_INFINITY

  constructor(options: OpaqueAuthenticatorOptions) {
    this.#options = options
    this.#introspection = new Introspection({ ...options, timeout: options.timeout ?? TIMEOUT })
    this.#active = tokenCache(options.cacheCapacity)
    this.#inactive = tokenCache(options.cacheCapacity)
    this.#realtimeDown = options.realtimeDown ?? true
  }

  /** Forgets what is active, and does not remember what is being asked: revocations may have been missed. */
  flush(): void {
    this.#generation++
    this.#active.clear()
  }

  /** While revocations do not come at once, an answer is fresh for {@link REALTIME_DOWN_LIFETIME} at most. */
  setRealtimeDown(down: boolean): void {
    this.#realtimeDown = down
  }

  known(credential: string, now: number): Authenticated | undefined {
    const known = this.#active.get(credential)
    // Also where the clock went back behind the answer: nobody knows how old that is.
    if (known === undefined || now >= known.authenticated.usableUntil || now < known.askedAt) return undefined
    return this.#realtimeDown && now >= known.askedAt + REALTIME_DOWN_LIFETIME ? undefined : known.authenticated
  }

  authenticate(credential: string, now: number): Authenticated | Refused | Promise<Authenticated | Refused> {
    const known = this.known(credential, now)
    if (known !== undefined) return known
    const refusedUntil = this.#inactive.get(credential)
    if (refusedUntil !== undefined && now < refusedUntil) return INACTIVE
    const flight = this.#flights.get(credential)
    // One that began before a flush may bring an answer from before the revocation that was missed.
    if (flight?.generation === this.#generation) return flight.outcome
    const read = readCredential(credential)
    return read.kind === 'refused' ? MALFORMED : this.#takeOff(credential, read, now)
  }

  #takeOff(credential: string, read: Credential, now: number): Promise<Authenticated | Refused> {
    const generation = this.#generation
    const outcome = this.#ask(credential, read, now, generation).finally(() => {
      if (this.#flights.get(credential) === flight) this.#flights.delete(credential)
    })
    const flight: Flight = { generation, outcome }
    this.#flights.set(credential, flight)
    return outcome
  }

  async #ask(credential: string, read: Credential, now: number, generation: number): Promise<Authenticated | Refused> {
    const signal = AbortSignal.timeout(this.#options.timeout ?? TIMEOUT)
    try {
      const claims = await this.#calls.run(() => this.#introspection.ask(credential, signal), signal)
      const outcome = claims === undefined ? INACTIVE : introspected(read, claims, now, this.#options)
      if ('fault' in outcome) {
        this.#inactive.set(credential, now + NEGATIVE_LIFETIME)
        return outcome
      }
      if (generation === this.#generation) this.#active.set(credential, outcome)
      return outcome.authenticated
    } catch (error) {
      this.#failed(error, now)
      return UNAVAILABLE
    }
  }

  #failed(error: unknown, now: number): void {
    if (now - this.#loggedAt < LOG_INTERVAL) return
    this.#loggedAt = now
    this.#options.logger.error('the key manager could not be asked about a token', error)
  }
}
