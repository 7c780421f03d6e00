import { describeError, type Logger } from '../logging/index.js'
import type { JSONValue, RevocationRecord } from '../revocation/index.js'
import { type ListingContext, type PersistentStore, PositionLost, type SourceStatus } from '../sources/source.js'
import type { Clock } from '../time/index.js'
import { applyListing } from './apply-listing.js'
import { type LastListing, ListingMemory } from './last-listing.js'
import { ListingPace, type ListingPaceOptions } from './listing-pace.js'
import type { SourceTracker } from './source-state.js'

export interface ListingsOptions extends ListingPaceOptions {
  readonly store: PersistentStore
  /** What the store says of how far it was read into the list that there is at the start, by an earlier run. */
  readonly position: JSONValue | undefined
  /** The last listing of an earlier run, if the list there is at the start has all of its records. */
  readonly last: LastListing | undefined
  readonly tracker: SourceTracker
  readonly logger: Logger
  readonly clock: Clock
  /** Ends the listing under way, and there is no other. */
  readonly signal: AbortSignal
  /** How the topic stands; `undefined` if there is none. */
  topic(): SourceStatus | undefined
  /** How the store's watch stands; `undefined` if it has none. */
  watch(): SourceStatus | undefined
  apply(record: RevocationRecord): void
  /** A listing is due that nobody has asked for. */
  due(): void
  /** Asked as a listing begins: whether it may make the list known. */
  counts(): boolean
  succeeded(listing: SucceededListing): void
  /** One has begun, or has ended in whatever way. */
  changed(): void
}

/** Of so many attempts in a row that fail to catch up, the last lists all instead. */
const CATCH_UPS_A_LISTING = 4

/** The list has all that the store held when a listing began. */
export interface SucceededListing {
  /** Epoch ms. */
  readonly begunAt: number
  /** The same moment by the clock's `elapsed`. */
  readonly started: number
  /** What {@link ListingsOptions.counts} said. */
  readonly counted: boolean
  /** It read all that the store held; else only what the list did not have yet, and another one follows at once. */
  readonly isWhole: boolean
  /** What to remember of it; absent if nothing has changed, or it was not whole. */
  readonly last?: LastListing
}

/** The listings of a store, of which there are never two at a time: one that is asked for meanwhile follows. */
export class Listings {
  readonly #options: ListingsOptions
  readonly #clock: Clock
  readonly #pace: ListingPace
  #listing: Promise<void> | undefined
  #lastListedAt: number | undefined
  #again = false
  /** Listings that were asked for, and how many of them the last one that succeeded is an answer to. */
  #asked = 0
  #answered = 0
  /** When the listing under way began or last brought something, by the clock's `elapsed`. */
  #progressAt = Number.NEGATIVE_INFINITY
  #cancelTimer: () => void = () => undefined
  readonly #memory: ListingMemory
  /** Where the store is caught up with, instead of being listed, until that has made the list known. */
  #position: JSONValue | undefined

  constructor(options: ListingsOptions) {
    this.#options = options
    this.#position = options.position
    this.#memory = new ListingMemory(options.last, { name: options.store.name, logger: options.logger })
    this.#clock = options.clock
    this.#pace = new ListingPace(options, options.clock)
  }

  /** Epoch ms of the beginning of the last one that succeeded. */
  get lastListedAt(): number | undefined {
    return this.#lastListedAt
  }

  /** Whether a listing has succeeded and none was asked for since it began. */
  get isCurrent(): boolean {
    return this.#answered > 0 && this.#answered === this.#asked
  }

  get isUnderWay(): boolean {
    return this.#listing !== undefined
  }

  /**
   * Since when, by the clock's `elapsed`, there is nothing to be seen of the store: now as long as it was not asked, and
   * for ever when it has failed. A listing that brings something makes up for one that failed.
   */
  get silentSince(): number {
    if (this.#listing !== undefined) return this.#progressAt
    return this.#pace.failures > 0 ? Number.NEGATIVE_INFINITY : this.#clock.elapsed()
  }

  /** Lists the store: now, as soon as its pace allows, or once more when the listing under way has ended. */
  request(reason: string): void {
    if (this.#options.signal.aborted) return
    this.#options.logger.debug('listing requested', { reason })
    this.#asked++
    if (this.#listing !== undefined) this.#again = true
    else this.#listWithin(this.#pace.untilRequested())
  }

  /** Resolves when the listing under way has ended; to be called when the signal has aborted. */
  async stopped(): Promise<void> {
    this.#cancelTimer()
    await this.#listing
  }

  #listWithin(delay: number): void {
    this.#cancelTimer()
    if (delay > 0) this.#cancelTimer = this.#clock.after(delay, () => this.#begin())
    else this.#begin()
  }

  #begin(): void {
    const { signal, changed } = this.#options
    if (this.#listing !== undefined || signal.aborted) return
    this.#progressAt = this.#pace.failures > 0 ? Number.NEGATIVE_INFINITY : this.#clock.elapsed()
    // A source that is back says so more than once in a turn: one listing is for all of that.
    const begun = Promise.resolve().then(() => {
      this.#again = false
      return this.#list()
    })
    this.#listing = begun.finally(() => {
      this.#listing = undefined
      changed()
      this.#schedule()
    })
    changed()
  }

  async #list(): Promise<void> {
    const { store, tracker, logger, signal, apply, counts, succeeded } = this.#options
    const begunAt = this.#clock.now()
    const counted = counts()
    const asked = this.#asked
    const started = this.#clock.elapsed()
    const mark = this.#memory.last?.mark
    let nextMark: string | undefined
    let isUnchanged = false
    const context: ListingContext = {
      ...(mark === undefined ? {} : { since: mark }),
      unchanged: () => {
        isUnchanged = true
      },
      mark: (given) => {
        nextMark = given
      },
    }
    try {
      const onProgress = () => {
        this.#progressAt = this.#clock.elapsed()
      }
      const caughtUp = await this.#catchUp(onProgress)
      const isWhole = caughtUp === undefined
      const records = caughtUp ?? (await applyListing(store.list(signal, context), apply, onProgress))
      const ms = this.#clock.elapsed() - started
      this.#pace.succeeded(ms)
      this.#lastListedAt = begunAt
      this.#answered = asked
      const isListed = isWhole && !isUnchanged
      if (isListed) this.#memory.listed(records, nextMark)
      tracker.set('live', this.#memory.emptied)
      const what = isUnchanged ? 'nothing has changed' : isWhole ? 'listed' : 'caught up'
      logger.debug(what, { store: store.name, records, ms: Math.round(ms) })
      if (counted) {
        this.#position = undefined
        if (!isWhole) this.#again = true
      }
      const { last } = this.#memory
      succeeded({ begunAt, started, counted, isWhole, ...(isListed && last !== undefined ? { last } : {}) })
    } catch (error) {
      if (signal.aborted) return
      this.#pace.failed()
      const reason = describeError(error)
      tracker.set(this.#lastListedAt === undefined ? 'failed' : 'gap', reason)
      logger.warn('the store could not be listed', { store: store.name, attempt: this.#pace.failures, reason })
    }
  }

  /** Reads what the store has got since the position. Resolves to how many records that is; `undefined` if only a listing will do. */
  async #catchUp(onProgress: () => void): Promise<number | undefined> {
    const { store, logger, signal, apply } = this.#options
    const position = this.#position
    if (position === undefined || store.catchUp === undefined) return undefined
    // What keeps it from being caught up with need not keep it from being listed.
    if ((this.#pace.failures + 1) % CATCH_UPS_A_LISTING === 0) return undefined
    try {
      return await applyListing(store.catchUp(position, onProgress, signal), apply, onProgress)
    } catch (error) {
      if (!(error instanceof PositionLost)) throw error
      logger.info('the store is listed: it cannot be caught up with', { store: store.name, reason: error.message })
      this.#position = undefined
      return undefined
    }
  }

  #schedule(): void {
    const { signal, topic, watch, due } = this.#options
    if (signal.aborted) return
    if (this.#again) {
      this.#again = false
      this.#listWithin(this.#pace.untilRequested())
      return
    }
    this.#cancelTimer = this.#clock.after(this.#pace.interval(topic(), watch()), due)
  }
}
