import { createLocalJWKSet, errors, type FlattenedJWSInput, type JWSHeaderParameters } from 'jose'
import type { Dispatcher } from 'undici'
import { call } from '../http-client/index.js'
import { describeError, describeTarget, type Logger } from '../logging/index.js'
import { KeyNames } from './key-names.js'
import { UsableKeys } from './usable-keys.js'
import type { VerificationKeys } from './verification-keys.js'

/** A set older than this is fetched anew, behind the requests that use the old one. */
const REFRESH_AFTER = 10 * 60_000
/** At least this long between two fetches of a set that is old. */
const REFRESH_COOLDOWN = 10_000
/**
 * Strangers' tokens name any key. For keys that the set does not hold it is fetched so many times at once, and in the
 * long run once in so many ms; for one and the same key not oftener than that.
 */
const UNKNOWN_KEY_BURST = 5
const UNKNOWN_KEY_COOLDOWN = 10_000
/** Characters of a key's name that tell it from others. */
const MAX_NAME = 256
/** At least this long after a fetch that failed. */
const FAILURE_COOLDOWN = 1_000
const TIMEOUT = 10_000
const MAX_BYTES = 1 << 20

export interface JwksOptions {
  readonly url: string
  readonly client: Dispatcher
  readonly logger: Logger
  /** Called when a new set lacks a key that the old one had: tokens that it verified are not verified any more. */
  readonly onKeysDropped: () => void
  readonly now?: () => number
}

/**
 * The keys of an issuer's JWK set (RFC 7517), fetched when first needed. An unknown `kid` fetches it again, one fetch
 * at a time and not oftener than the cool-down; a set stays in use for as long as the issuer cannot be reached.
 * A token whose key was published before it came is not refused for a set that was fetched earlier, unless strangers
 * have used up the fetches.
 */
export class Jwks implements VerificationKeys {
  readonly #options: JwksOptions
  readonly #now: () => number
  readonly #usableKeys: UsableKeys
  #resolve: ReturnType<typeof createLocalJWKSet> | undefined
  #names = new KeyNames({ keys: [] })
  #ids: ReadonlySet<string> = new Set()
  #fetchedAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #failedAt = Number.NEGATIVE_INFINITY
  #failure: unknown
  /** Keys that a fetch for their sake did not bring, and when (ms) it began: no more of them than fetches are allowed. */
  readonly #absent = new Map<string, number>()
  /** When (ms) the fetches for unknown keys will be spent at their long-run pace. */
  #spentUntil = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined

  constructor(options: JwksOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now()) // no clock that is set
    this.#usableKeys = new UsableKeys(options.logger, { url: describeTarget(options.url) })
  }

  async key(header: JWSHeaderParameters, token: FlattenedJWSInput) {
    if (this.#resolve === undefined) await this.#refresh()
    else if (this.#isOld(this.#now())) void this.#refresh()
    for (;;) {
      if (this.#resolve === undefined) throw new JwksUnavailable(this.#options.url, this.#failure)
      try {
        return await this.#resolve(this.#names.resolve(header), token)
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw this.#unusable(error)
        if (!(error instanceof errors.JWKSNoMatchingKey) || !(await this.#lookAgain(header))) throw error
      }
    }
  }

  /** A key that was found good, and that the library that verifies does not take. */
  #unusable(cause: unknown): Error {
    const { url, logger } = this.#options
    logger.debug('key could not be imported', { url: describeTarget(url), reason: describeError(cause) })
    return new errors.JWKSNoMatchingKey(undefined, { cause })
  }

  #isOld(now: number): boolean {
    return now - this.#fetchedAt > REFRESH_AFTER && now - this.#triedAt > REFRESH_COOLDOWN
  }

  /** Whether it is worth looking for a missing key once more: the set was fetched meanwhile. */
  async #lookAgain({ alg, kid, x5t }: JWSHeaderParameters): Promise<boolean> {
    // A fetch under way may have read the set before the key was in it.
    if (this.#fetching !== undefined) {
      await this.#fetching
      return true
    }
    const now = this.#now()
    const name = `${alg} ${kid ?? String(x5t)}`.slice(0, MAX_NAME)
    if (!this.#mayLookFor(name, now)) return false
    this.#spentUntil = Math.max(this.#spentUntil, now) + UNKNOWN_KEY_COOLDOWN
    for (const [each, at] of this.#absent) if (now - at >= UNKNOWN_KEY_COOLDOWN) this.#absent.delete(each)
    this.#absent.set(name, now)
    await this.#refresh()
    if (this.#failedAt >= now) this.#absent.delete(name)
    return true
  }

  #mayLookFor(name: string, now: number): boolean {
    if (now - this.#failedAt < FAILURE_COOLDOWN) return false
    if (now - (this.#absent.get(name) ?? Number.NEGATIVE_INFINITY) < UNKNOWN_KEY_COOLDOWN) return false
    return this.#spentUntil - now <= (UNKNOWN_KEY_BURST - 1) * UNKNOWN_KEY_COOLDOWN
  }

  /** One fetch at a time, and none right after one that failed. Never rejects. */
  #refresh(): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching
    if (this.#now() - this.#failedAt < FAILURE_COOLDOWN) return Promise.resolve()
    this.#triedAt = this.#now()
    this.#fetching = this.#fetch().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetch(): Promise<void> {
    const { url, client, logger } = this.#options
    try {
      const answer = await call(client, { url, timeout: TIMEOUT, maxBytes: MAX_BYTES })
      if (answer.status !== 200) throw new Error(`${describeTarget(url)} answered ${answer.status}`)
      const set = this.#usableKeys.of(JSON.parse(answer.body.toString('utf8')))
      const resolve = createLocalJWKSet(set)
      const ids = new Set(set.keys.map((key) => `${key.kid ?? ''} ${key.n ?? key.x ?? ''}`))
      const dropped = [...this.#ids].some((id) => !ids.has(id))
      this.#resolve = resolve
      this.#names = new KeyNames(set)
      this.#ids = ids
      this.#fetchedAt = this.#now()
      this.#failure = undefined
      if (dropped) this.#options.onKeysDropped()
    } catch (error) {
      this.#failure = error
      this.#failedAt = this.#now()
      logger.warn('the keys of an issuer could not be fetched', {
        url: describeTarget(url),
        kept: this.#resolve !== undefined,
        reason: error instanceof Error ? error.message : 'unknown',
      })
    }
  }
}

/** An issuer's keys were never to be had: its tokens can be neither accepted nor refused. */
export class JwksUnavailable extends Error {
  override readonly name = 'JwksUnavailable'
  readonly code = 'ERR_JWKS_UNAVAILABLE'

  constructor(url: string, cause: unknown) {
    super(`no keys from ${describeTarget(url)}`, { cause })
  }
}
