import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'
import type { Dispatcher } from 'undici'
import { call, describeTarget } from '../http-client/index.js'
import type { Logger } from '../logging/index.js'
import { KeyNames } from './key-names.js'
import type { VerificationKeys } from './verification-keys.js'

/** A set older than this is fetched anew, behind the requests that use the old one. */
const REFRESH_AFTER = 10 * 60_000
/** At least this long between two fetches for a `kid` that the set does not hold: strangers' tokens name any. */
const UNKNOWN_KEY_COOLDOWN = 10_000
/** At least this long between two fetches after one that failed. */
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
 */
export class Jwks implements VerificationKeys {
  readonly #options: JwksOptions
  readonly #now: () => number
  #resolve: ReturnType<typeof createLocalJWKSet> | undefined
  #names = new KeyNames({ keys: [] })
  #ids: ReadonlySet<string> = new Set()
  #fetchedAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #failure: unknown
  #fetching: Promise<void> | undefined

  constructor(options: JwksOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  async key(header: JWSHeaderParameters, token: FlattenedJWSInput) {
    if (this.#resolve === undefined) await this.#refresh(FAILURE_COOLDOWN)
    else if (this.#now() - this.#fetchedAt > REFRESH_AFTER) void this.#refresh(UNKNOWN_KEY_COOLDOWN)
    if (this.#resolve === undefined) throw new JwksUnavailable(this.#options.url, this.#failure)
    try {
      return await this.#resolve(this.#names.resolve(header), token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      await this.#refresh(UNKNOWN_KEY_COOLDOWN)
      return this.#resolve(this.#names.resolve(header), token)
    }
  }

  #refresh(cooldown: number): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching
    if (this.#now() - this.#triedAt < cooldown) return Promise.resolve()
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
      const set = JSON.parse(answer.body.toString('utf8')) as JSONWebKeySet
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
