import { describeError, type Logger } from '../logging/index.js'
import type { JSONValue, RevocationRecord } from '../revocation/index.js'
import { type PersistentStore, PositionLost, type SourceStatus } from '../sources/source.js'
import { type Clock, startTimeSlice } from '../time/index.js'
import { type LastListing, ListingMemory, ToldByStore } from './last-listing.js'
import { ListingPace, type ListingPaceOptions } from './listing-pace.js'
import { ListingProgress } from './listing-progress.js'
import type { SourceTracker } from './source-state.js'

export interface ListingsOptions extends ListingPaceOptions {
  readonly store: PersistentStore
  /** How far an earlier run read the store into the list that exists at start; see {@link PersistentStore.position}. */
  readonly position: JSONValue | undefined
  /** The last listing of an earlier run, if the list that exists at start has all of its records. */
  readonly last: LastListing | undefined
  readonly tracker: SourceTracker
  readonly logger: Logger
  readonly clock: Clock
  /** Ends the current listing; no other follows. */
  readonly signal: AbortSignal
  /** Status of the topic; `undefined` if there is none. */
  topic(): SourceStatus | undefined
  /** Status of the store's watch; `undefined` if it has none. */
  watch(): SourceStatus | undefined
  apply(record: RevocationRecord): void
  /** A regular listing is due. */
  due(): void
  /** Called as a listing begins: whether it may make the list known. */
  counts(): boolean
  succeeded(listing: SucceededListing): void
  /** A listing has begun, succeeded or failed. */
  changed(): void
}

/** Every fourth attempt in a row is a listing instead of a catch-up. */
const CATCH_UPS_A_LISTING = 4
/** Records between two reads of the clock. */
const STRIDE = 64

/** A listing: the list holds all that the store held when it began. */
export interface SucceededListing {
  /** Epoch ms. */
  readonly begunAt: number
  /** The same by the clock's `elapsed`. */
  readonly started: number
  /** What {@link ListingsOptions.counts} said. */
  readonly counted: boolean
  /** Whether it read the whole store; if not it caught up from a position, and a whole listing follows at once. */
  readonly isWhole: boolean
  /** What to remember of it; absent if nothing changed or it only caught up. */
  readonly last?: LastListing
}

/** Lists a store, one listing at a time: one that is requested meanwhile follows. */
export class Listings {
  readonly #options: ListingsOptions
  readonly #clock: Clock
  readonly #pace: ListingPace
  readonly progress: ListingProgress
  #listing: Promise<void> | undefined
  #lastListedAt: number | undefined
  #again = false
  /** Listings requested so far, and how many of them the last success has answered. */
  #requested = 0
  #answered = 0
  /** When the current listing began or last made progress, by the clock's `elapsed`. */
  #progressAt = Number.NEGATIVE_INFINITY
  #cancelTimer: () => void = () => undefined
  readonly #memory: ListingMemory
  /** Where to catch up from, instead of listing, until that has made the list known. */
  #position: JSONValue | undefined

  constructor(options: ListingsOptions) {
    this.#options = options
    this.#position = options.position
    this.#memory = new ListingMemory(options.last, { name: options.store.name, logger: options.logger })
    this.#clock = options.clock
    this.#pace = new ListingPace(options, options.clock)
    this.progress = new ListingProgress(options.clock)
  }

  /** Epoch ms of the beginning of the last one that succeeded. */
  get lastListedAt(): number | undefined {
    return this.#lastListedAt
  }

  /** Whether a listing has succeeded and none was requested since it began. */
  get isCurrent(): boolean {
    return this.#answered > 0 && this.#answered === this.#requested
  }

  get isUnderWay(): boolean {
    return this.#listing !== undefined
  }

  /**
   * Since when, by the clock's `elapsed`, the store has been silent: now while it was not tried, since ever once it has
   * failed. Progress of a listing makes up for an earlier failure.
   */
  get silentSince(): number {
    if (this.#listing !== undefined) return this.#progressAt
    return this.#pace.failures > 0 ? Number.NEGATIVE_INFINITY : this.#clock.elapsed()
  }

  /** Lists the store: now, as soon as its pace allows, or again after the current listing. */
  request(reason: string): void {
    if (this.#options.signal.aborted) return
    this.#options.logger.debug('listing requested', { reason })
    this.#requested++
    if (this.#listing !== undefined) this.#again = true
    else this.#listWithin(this.#pace.untilRequested())
  }

  /** Resolves when the current listing has ended. Call after the signal has aborted. */
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
    // A source that is back may request several listings in one turn: one answers them all.
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
    const requested = this.#requested
    const started = this.#clock.elapsed()
    const told = new ToldByStore(this.#memory.last?.mark, this.progress.expects)
    this.progress.begun(this.#memory.last?.records)
    try {
      const onProgress = (records?: number) => {
        this.#progressAt = this.#clock.elapsed()
        if (records !== undefined) this.progress.read(records)
      }
      const caughtUp = await this.#catchUp(onProgress)
      const isWhole = caughtUp === undefined
      const records = caughtUp ?? (await applyListing(store.list(signal, told), apply, onProgress))
      const ms = this.#clock.elapsed() - started
      this.#pace.succeeded(ms)
      this.progress.succeeded(begunAt, ms, records)
      this.#lastListedAt = begunAt
      this.#answered = requested
      const isListed = isWhole && !told.isUnchanged
      if (isListed) this.#memory.listed(records, told.nextMark)
      tracker.set('live', this.#memory.emptied)
      const what = told.isUnchanged ? 'store unchanged' : isWhole ? 'store listed' : 'store caught up'
      logger.debug(what, { store: store.name, records, ms: Math.round(ms) })
      if (counted) {
        this.#position = undefined
        if (!isWhole) this.#again = true
      }
      const { last } = this.#memory
      succeeded({ begunAt, started, counted, isWhole, ...(isListed && last !== undefined ? { last } : {}) })
    } catch (error) {
      if (signal.aborted) return
      this.progress.failed()
      this.#pace.failed()
      tracker.set(this.#lastListedAt === undefined ? 'failed' : 'gap', describeError(error))
    }
  }

  /** Reads what was added to the store since the position. Resolves to the number of records; `undefined` if a listing is needed. */
  async #catchUp(onProgress: (records?: number) => void): Promise<number | undefined> {
    const { store, logger, signal, apply } = this.#options
    const position = this.#position
    if (position === undefined || store.catchUp === undefined) return undefined
    // What prevents catching up may not prevent listing.
    if ((this.#pace.failures + 1) % CATCH_UPS_A_LISTING === 0) return undefined
    try {
      return await applyListing(
        store.catchUp(position, () => onProgress(), signal),
        apply,
        onProgress,
      )
    } catch (error) {
      if (!(error instanceof PositionLost)) throw error
      logger.info('cannot catch up with the store; listing it', { store: store.name, reason: error.message })
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

/**
 * Applies each record of a listing, in slices. Resolves to their number; rejects if the store could not be read whole.
 *
 * @param onProgress called at the first record, and now and then
 */
async function applyListing(
  listing: AsyncIterable<RevocationRecord>,
  apply: (record: RevocationRecord) => void,
  onProgress: (records: number) => void,
): Promise<number> {
  let count = 0
  const slice = startTimeSlice()
  for await (const record of listing) {
    apply(record)
    if (count++ % STRIDE !== 0) continue
    onProgress(count)
    if (slice.isOver()) await slice.yield()
  }
  return count
}
