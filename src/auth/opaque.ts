import type { LRUCache } from 'lru-cache'
import type { Logger } from '../logging/index.js'
import { type Credential, type Fingerprinter, readCredential, type TokenIdentity } from '../token/index.js'
import type { Authenticated, CachingAuthenticator, Refused, Sender } from './authenticator.js'
import { BoundedCalls } from './bounded-calls.js'
import { type Introspected, Introspection, type IntrospectionOptions, introspected } from './introspection.js'
import { Rechecks } from './rechecks.js'
import { INACTIVE, KEY_MANAGER_UNAVAILABLE, MALFORMED, PADDED, UNTYPED_TOKEN } from './refusals.js'
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
  /** Accept a token that ends in `=`. Default false: a key manager may take it for the token without. */
  readonly acceptPaddedTokens?: boolean
  /** Milliseconds after a revocation from which no answer is used that was asked for before it. Default 1 s. */
  readonly recheck?: number
  /** Monotonic milliseconds, for `recheck`. */
  readonly monotonic?: () => number
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
const RECHECK = 1_000
/** Concurrent introspection calls, those of one client, and those that wait for their turn. */
const MAX_ASKING = 64
const MAX_ASKING_OF_CLIENT = 48
const MAX_WAITING = 1_024
/** The same for tokens that are due for another look: no request waits for these. */
const MAX_ASKING_AGAIN = 32
const MAX_WAITING_AGAIN = 4_096
/** Minimum time between two log lines about failed introspection, ms. */
const LOG_INTERVAL = 10_000
/** What an operator may want to do about a refusal. */
const REMEDIES: ReadonlyMap<Refused, string> = new Map([
  [
    UNTYPED_TOKEN,
    'introspection response without token_type: token refused; set keyManager.acceptUntypedTokens = true if this key manager never sends it, and refresh tokens are not active there',
  ],
  [
    PADDED,
    'opaque token ends in "=": token refused; set keyManager.acceptPaddedTokens = true if this key manager issues such tokens',
  ],
])

/** An answer in the cache. */
interface Remembered extends Introspected {
  /** The generation in which it was asked for, and the latest in which it was asked for again. */
  generation: number
  askedAgain: number
}

/** What the key manager is asked, and in whose turn. */
interface Question {
  readonly credential: string
  readonly read: Credential
  readonly now: number
  readonly calls: BoundedCalls
  readonly client: string
}

/** No client waits for the answer, or none is known. */
const NOBODY = ''

/** The generation of an answer that a later one has contradicted: it still names the token. */
const ENDED = -1

/**
 * Introspects tokens at the key manager (RFC 7662): once for all requests that wait for the answer, and not again while
 * the answer is fresh. With neither a fresh answer nor a key manager that gives one, a request is refused with 503.
 *
 * A key manager may know a token by more spellings than anybody foresees, and a revocation names it by one. So after each,
 * the answers in the cache must be renewed ({@link Rechecks}).
 */
export class OpaqueAuthenticator implements CachingAuthenticator {
  readonly #options: OpaqueAuthenticatorOptions
  readonly #introspection: Introspection
  readonly #calls = new BoundedCalls({
    running: MAX_ASKING,
    runningOfClient: MAX_ASKING_OF_CLIENT,
    waiting: MAX_WAITING,
  })
  readonly #renewals = new BoundedCalls({ running: MAX_ASKING_AGAIN, waiting: MAX_WAITING_AGAIN })
  readonly #active: LRUCache<string, Remembered>
  /** Inactive tokens, until when (epoch ms). A cache of its own, since anyone can fill it. */
  readonly #inactive: LRUCache<string, number>
  readonly #flights = new TokenFlights()
  readonly #rechecks: Rechecks
  #realtimeDown: boolean
  #loggedAt = Number.NEGATIVE_INFINITY
  readonly #said = new Set<string>()

  constructor(options: OpaqueAuthenticatorOptions) {
    this.#options = options
    this.#introspection = new Introspection({ ...options, timeout: options.timeout ?? TIMEOUT })
    this.#active = tokenCache(options.cacheCapacity)
    this.#inactive = tokenCache(options.cacheCapacity)
    this.#rechecks = new Rechecks(options.recheck ?? RECHECK, this.#flights, options.monotonic)
    this.#realtimeDown = options.realtimeDown ?? true
  }

  /** Drops active tokens from the cache, and does not cache answers under way: revocations may have been missed. */
  flush(): void {
    this.#rechecks.flush()
    this.#active.clear()
  }

  /** A token was revoked that may be an opaque one: from `recheck` ms later on, no older answer is used. */
  tokenRevoked(): void {
    this.#rechecks.revoked()
  }

  /** While no realtime source is live, an answer is fresh for {@link REALTIME_DOWN_LIFETIME} at most. */
  setRealtimeDown(down: boolean): void {
    this.#realtimeDown = down
  }

  known(credential: string, now: number): Authenticated | undefined {
    const known = this.#fresh(credential, now)
    if (known === undefined || known.generation < this.#rechecks.oldest) return undefined
    if (this.#rechecks.isDue(known.generation)) this.#renew(credential, known, now)
    return known.authenticated
  }

  /** What a token is called by an answer, even by one that must be asked for again. For refusing it, and nothing else. */
  nameOf(credential: string, now: number): TokenIdentity | undefined {
    return this.#fresh(credential, now)?.authenticated.identity
  }

  #fresh(credential: string, now: number): Remembered | undefined {
    const known = this.#active.get(credential)
    // A clock that was set back before the answer: its age is unknown.
    if (known === undefined || now >= known.authenticated.usableUntil || now < known.askedAt) return undefined
    return this.#realtimeDown && now >= known.askedAt + REALTIME_DOWN_LIFETIME ? undefined : known
  }

  /** Once in a generation: a key manager that does not answer is not asked by every request. */
  #renew(credential: string, known: Remembered, now: number): void {
    const { generation } = this.#flights
    if (known.askedAgain === generation || this.#renewals.isFull) return
    known.askedAgain = generation
    const read = readCredential(credential)
    if (read.kind !== 'refused') void this.#start({ credential, read, now, calls: this.#renewals, client: NOBODY })
  }

  authenticate(
    credential: string,
    now: number,
    sender?: Sender,
  ): Authenticated | Refused | Promise<Authenticated | Refused> {
    const known = this.known(credential, now)
    if (known !== undefined) return known
    const refusedUntil = this.#inactive.get(credential)
    if (refusedUntil !== undefined && now < refusedUntil) return INACTIVE
    const flight = this.#flights.find(credential, this.#rechecks.oldest)
    if (flight !== undefined) return flight
    const read = readCredential(credential)
    if (read.kind === 'refused') return MALFORMED
    if (read.kind === 'opaque' && read.token.endsWith('=') && this.#options.acceptPaddedTokens !== true) {
      this.#refusedBy(PADDED)
      return PADDED
    }
    return this.#start({ credential, read, now, calls: this.#calls, client: sender?.network ?? NOBODY })
  }

  #start(question: Question): Promise<Authenticated | Refused> {
    return this.#flights.start(question.credential, (generation) => this.#ask(question, generation))
  }

  /** Asks again where a revocation came meanwhile, and its bound has passed: that answer may be from before it. */
  async #ask(question: Question, generation: number): Promise<Authenticated | Refused> {
    const { credential, now } = question
    const signal = AbortSignal.timeout(this.#options.timeout ?? TIMEOUT)
    try {
      for (let asked = generation; ; asked = this.#flights.generation) {
        const outcome = await this.#answer(question, signal)
        if ('fault' in outcome) {
          this.#refusedBy(outcome)
          const known = this.#active.get(credential)
          if (known !== undefined) known.generation = ENDED
          this.#inactive.set(credential, now + NEGATIVE_LIFETIME)
          return outcome
        }
        if (asked < this.#rechecks.oldest) continue
        this.#active.set(credential, { ...outcome, generation: asked, askedAgain: asked })
        return outcome.authenticated
      }
    } catch (error) {
      this.#failed(error, now)
      return KEY_MANAGER_UNAVAILABLE
    }
  }

  async #answer(
    { credential, read, now, calls, client }: Question,
    signal: AbortSignal,
  ): Promise<Introspected | Refused> {
    const claims = await calls.run(() => this.#introspection.ask(credential, signal), signal, client)
    return claims === undefined ? INACTIVE : introspected(read, claims, now, this.#options)
  }

  /** Each remedy once: it holds for every token of this key manager, or for its refresh tokens alone. */
  #refusedBy(refusal: Refused): void {
    const remedy = REMEDIES.get(refusal)
    if (remedy === undefined || this.#said.has(remedy)) return
    this.#said.add(remedy)
    this.#options.logger.warn(remedy)
  }

  #failed(error: unknown, now: number): void {
    if (now - this.#loggedAt < LOG_INTERVAL) return
    this.#loggedAt = now
    this.#options.logger.error('introspection failed', error)
  }
}
