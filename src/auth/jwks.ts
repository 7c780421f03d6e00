import { setTimeout as sleep } from 'node:timers/promises'
import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'
import type { Dispatcher } from 'undici'
import { hasCode } from '../error-code.js'
import { CallError, call } from '../http-client/index.js'
import { describeError, describeTarget, type Logger } from '../logging/index.js'
import { UsableKeys } from './usable-keys.js'
import type { VerificationKeys } from './verification-keys.js'

/** A key set older than this (ms) is refreshed in the background, while requests use the old one. */
const REFRESH_AFTER = 10 * 60_000
/** Minimum time between two such refreshes, ms. */
const REFRESH_COOLDOWN = 10_000
/**
 * Anyone can send a token that names an unknown key. Such a token causes a fetch: a burst of so many, in the long run one
 * in so many ms, and for one key not more often than that.
 */
const UNKNOWN_KEY_BURST = 5
const UNKNOWN_KEY_COOLDOWN = 10_000
/** Characters of a key's name that are compared. */
const MAX_NAME = 256
/** Minimum time after a failed fetch, ms. */
const FAILURE_COOLDOWN = 1_000
/** Minimum time between a fetch and the next that messages wait for, ms. All that wait share it, so none has to be turned away. */
const RENEWAL_COOLDOWN = 1_000
const TIMEOUT = 10_000
const MAX_BYTES = 1 << 20

export interface JwksOptions {
  readonly url: string
  readonly client: Dispatcher
  readonly logger: Logger
  /** Called when a new set lacks a key of the old one: tokens verified with it are no longer valid. */
  readonly onKeysDropped: () => void
  readonly now?: () => number
}

/**
 * An issuer's key set (JWKS, RFC 7517), fetched when first needed. An unknown `kid` fetches it again, one fetch at a time
 * and at most at the cool-down's pace; a set stays in use while the issuer is unreachable. A token whose key was
 * published before the token arrived is not refused because of an older set, unless others have used up the fetches.
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
  /** Unknown keys that a fetch did not bring, and when (ms) it began: as many at most as fetches are allowed. */
  readonly #absent = new Map<string, number>()
  /** When (ms) the fetches for unknown keys are back at their long-run pace. */
  #spentUntil = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined
  /** When (ms) the fetch began that brought the set. */
  #readAt = Number.NEGATIVE_INFINITY
  /** What `renewed` waits for: a fetch that has not begun. */
  #renewal: Promise<void> | undefined

  constructor(options: JwksOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now()) // monotonic
    this.#usableKeys = new UsableKeys(options.logger, { url: describeTarget(options.url) })
  }

  async ready(): Promise<void> {
    if (this.#resolve === undefined) await this.#refresh()
    if (this.#resolve === undefined) throw this.#unavailable()
  }

  async knownKey(header: JWSHeaderParameters, token: FlattenedJWSInput) {
    if (this.#resolve === undefined) throw this.#unavailable()
    if (this.#isOld(this.#now())) void this.#refresh()
    try {
      return await this.#resolve(this.#names.resolve(header), token)
    } catch (error) {
      throw error instanceof errors.JOSEError ? error : this.#unusable(error)
    }
  }

  renewed(): Promise<void> {
    this.#renewal ??= this.#renew()
    return this.#renewal
  }

  async key(header: JWSHeaderParameters, token: FlattenedJWSInput) {
    if (this.#resolve === undefined) await this.#refresh()
    for (;;) {
      try {
        return await this.knownKey(header, token)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || !(await this.#lookAgain(header))) throw error
      }
    }
  }

  async #renew(): Promise<void> {
    await sleep(Math.max(0, Math.max(this.#triedAt, this.#failedAt) + RENEWAL_COOLDOWN - this.#now()), undefined, {
      ref: false,
    })
    // A fetch under way may have read the set before some of those who wait arrived.
    while (this.#fetching !== undefined) await this.#fetching
    this.#renewal = undefined
    const began = this.#now()
    await this.#refresh()
    if (this.#readAt < began) throw this.#unavailable()
  }

  #unavailable(): JwksUnavailable {
    return new JwksUnavailable(this.#options.url, this.#failure, this.#resolve !== undefined)
  }

  /** A key that passed our checks and that jose cannot import. */
  #unusable(cause: unknown): Error {
    const { url, logger } = this.#options
    logger.debug('key could not be imported', { url: describeTarget(url), reason: describeError(cause) })
    return new errors.JWKSNoMatchingKey(undefined, { cause })
  }

  #isOld(now: number): boolean {
    return now - this.#fetchedAt > REFRESH_AFTER && now - this.#triedAt > REFRESH_COOLDOWN
  }

  /** Whether to look for a missing key again: the set has been fetched meanwhile. */
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

  /** One fetch at a time, and none within the cool-down of a failure. Never rejects. */
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
    const began = this.#triedAt
    try {
      const set = this.#usableKeys.of(await fetchKeySet(client, url))
      const resolve = createLocalJWKSet(set)
      const ids = new Set(set.keys.map((key) => `${key.kid ?? ''} ${key.n ?? key.x ?? ''}`))
      const dropped = [...this.#ids].some((id) => !ids.has(id))
      this.#resolve = resolve
      this.#names = new KeyNames(set)
      this.#ids = ids
      this.#readAt = began
      this.#fetchedAt = this.#now()
      this.#failure = undefined
      if (dropped) this.#options.onKeysDropped()
    } catch (error) {
      this.#failure = error
      this.#failedAt = this.#now()
      logger.warn('fetching an issuer’s key set failed', {
        url: describeTarget(url),
        kept: this.#resolve !== undefined,
        reason: describeError(error),
      })
    }
  }
}

/** The JSON at an issuer's `jwksURL`, unchecked. Throws `CallError`, or an error that names the host and the status. */
export async function fetchKeySet(client: Dispatcher, url: string): Promise<unknown> {
  const { status, body } = await call(client, { url, timeout: TIMEOUT, maxBytes: MAX_BYTES }).catch(
    (error: unknown) => {
      throw withRemedy(error, url)
    },
  )
  if (status !== 200) throw new Error(`${describeTarget(url)} answered ${status}`)
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new TypeError(`${describeTarget(url)} answered no JSON`)
  }
}

/** What OpenSSL says of a certificate whose authority is unknown. */
const UNTRUSTED = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]

/** The error of a call, with what to do about it where that is known. */
function withRemedy(error: unknown, url: string): unknown {
  if (!(error instanceof CallError) || !hasCode(error.cause, ...UNTRUSTED)) return error
  const untrusted = `the certificate of ${describeTarget(url)} is not from a trusted authority`
  const remedy =
    'name the PEM file of its authority in listenerConfig.trustStorePath (httpClients.sslConfig.trustStorePath, if set)'
  return new Error(`${untrusted}: ${remedy}`, { cause: error })
}

/**
 * The issuer's key set has never been fetched, or not since a message arrived that none of its keys fits: what the issuer
 * signed can be neither accepted nor refused.
 */
export class JwksUnavailable extends Error {
  override readonly name = 'JwksUnavailable'
  readonly code = 'ERR_JWKS_UNAVAILABLE'

  constructor(url: string, cause: unknown, isKnown = false) {
    super(
      `the key set at ${describeTarget(url)} ${isKnown ? 'could not be fetched again' : 'has never been fetched'}`,
      {
        cause,
      },
    )
  }
}

/**
 * Finds the `kid` that a key set uses for the key that a token's header means. WSO2 puts `_RS256` behind a `kid` in some
 * versions and not in others, and its older tokens name their key by `x5t` alone. Which key is tried decides nothing:
 * every key of the set is the issuer's, and only a signature that verifies counts.
 */
export class KeyNames {
  readonly #kids = new Map<string, string>()

  constructor(set: JSONWebKeySet) {
    for (const { kid, x5t } of set.keys) {
      if (typeof kid !== 'string') continue
      this.#kids.set(kid, kid)
      if (typeof x5t === 'string' && !this.#kids.has(x5t)) this.#kids.set(x5t, kid)
    }
  }

  /** The header with the set's own `kid`; as it is if the set has none for it. */
  resolve(header: JWSHeaderParameters): JWSHeaderParameters {
    const { kid, x5t, alg } = header
    for (const name of [kid, x5t]) {
      if (typeof name !== 'string') continue
      const suffix = `_${alg}`
      const other = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name + suffix
      const known = this.#kids.get(name) ?? this.#kids.get(other)
      if (known !== undefined) return known === kid ? header : { ...header, kid: known }
    }
    return header
  }
}
