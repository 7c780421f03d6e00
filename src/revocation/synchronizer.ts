import { describeError, type Logger } from '../logging/index.js'
import { applyListing } from './apply-listing.js'
import { type Clock, systemClock } from './clock.js'
import { ListingPace } from './listing-pace.js'
import { Readiness } from './readiness.js'
import type { PersistentStore, RealtimeSource, RevocationRecord, RevocationSink } from './record.js'
import { type SourceListener, type SourceState, SourceTracker } from './source-state.js'

/** Where the synchronizer puts what it learns. */
export interface RevocationTarget {
  /** Applies a record; `source` is its source's name. Safe to call with anything that a source may say. */
  apply(record: RevocationRecord, source: string): void
  /** The list held, at `at` (epoch ms), all that the sources knew. Called after each listing, and every minute while it stays so. */
  inStep(at: number): void
}

export interface SynchronizerOptions {
  readonly target: RevocationTarget
  readonly realtime?: RealtimeSource
  readonly store?: PersistentStore
  /** What happens to protected requests while the list is not known: refused, or let through as WSO2's gateway does. */
  readonly failurePolicy: 'closed' | 'open'
  /** Milliseconds that the sources have at start before a fresh journal is taken for the list. */
  readonly startupGrace: number
  /** Milliseconds without a listing of a store after which the list is not known any more; 0: no limit. */
  readonly maxStaleness: number
  /** Milliseconds between two listings of a healthy store. */
  readonly refreshInterval: number
  /** When the journal was last in step with the sources (epoch ms), if that is recent enough to be believed. */
  readonly journalInStepAt?: number
  /** Told whenever revocations begin, or cease, to come at once. */
  readonly onRealtime?: (isLive: boolean) => void
  readonly logger: Logger
  readonly clock?: Clock
}

/** How the list stands as a whole. */
export interface SynchronizerState {
  readonly known: boolean
  /** What makes it so, or holds it back, for people. */
  readonly reason: string
  readonly sources: readonly SourceState[]
  /** Epoch ms of the beginning of the last listing that succeeded. */
  readonly lastListedAt?: number
}

const IN_STEP_INTERVAL = 60_000

/**
 * Keeps the list in step with its sources: subscribe, then list, then known. Lists the store again after every gap of
 * the topic, at every request for it, and at intervals. Listings never overlap: one that is asked for meanwhile follows.
 */
export class Synchronizer {
  readonly #options: SynchronizerOptions
  readonly #clock: Clock
  readonly #stop = new AbortController()
  readonly #running: Promise<void>[] = []
  readonly #realtime: SourceTracker | undefined
  readonly #store: SourceTracker | undefined
  readonly #watch: SourceTracker | undefined
  #subscribed = false
  #graceOver = false
  #lastListedAt: number | undefined
  readonly #pace: ListingPace
  readonly #readiness: Readiness
  #listing: Promise<void> | undefined
  #again = false
  /** When the listing under way last brought something, by the clock's `elapsed`. */
  #progressAt = Number.NEGATIVE_INFINITY
  #cancelTimer: () => void = () => undefined
  #cancelInStep: () => void = () => undefined
  #cancelTrust: () => void = () => undefined

  constructor(options: SynchronizerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    const { realtime, store, failurePolicy, logger } = options
    const track = (name: string, role: SourceState['role']) => new SourceTracker(name, role, this.#clock, logger)
    this.#realtime = realtime && track(realtime.name, 'realtime')
    this.#store = store && track(store.name, 'store')
    this.#watch = store?.watch && track(`${store.name} watch`, 'watch')
    this.#pace = new ListingPace(options, this.#clock)
    const unguarded = realtime === undefined && store === undefined
    const always = unguarded
      ? 'no source is configured'
      : failurePolicy === 'open'
        ? 'failurePolicy is "open"'
        : undefined
    this.#readiness = new Readiness(always)
  }

  /**
   * Until when (epoch ms) the list counts as known, unless something renews it; 0 if it is not. A request is refused
   * with 503 when `now` is not below it.
   */
  get knownUntil(): number {
    return this.#readiness.until
  }

  /** Resolves when the list is known for the first time. */
  known(): Promise<void> {
    return this.#readiness.known()
  }

  /** Starts the sources; returns at once. */
  start(): void {
    const { realtime, store, startupGrace } = this.#options
    const signal = this.#stop.signal
    if (realtime !== undefined)
      this.#running.push(this.#guard(realtime.name, realtime.run(this.#realtimeSink(), signal)))
    else this.#subscribed = true
    if (store?.watch !== undefined) this.#running.push(this.#guard(store.name, store.watch(this.#watchSink(), signal)))
    if (this.#subscribed) this.requestListing('start')
    this.#cancelTrust = this.#clock.after(startupGrace, () => {
      this.#graceOver = true
      this.#trustJournal()
    })
    this.#markInStep()
  }

  /** Stops the sources; resolves when they have. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#cancelTimer()
    this.#cancelInStep()
    this.#cancelTrust()
    await Promise.allSettled([...this.#running, this.#listing])
  }

  /** Lists the store: now, as soon as its pace allows, or once more when the listing under way has ended. */
  requestListing(reason: string): void {
    if (this.#options.store === undefined || this.#stop.signal.aborted) return
    this.#options.logger.debug('listing requested', { reason })
    if (this.#listing !== undefined) this.#again = true
    else this.#listWithin(this.#pace.untilRequested())
  }

  state(): SynchronizerState {
    const sources = [this.#realtime, this.#watch, this.#store].flatMap((tracker) =>
      tracker === undefined ? [] : [tracker.describe()],
    )
    const known = this.#clock.now() < this.#readiness.until
    const reason = known ? this.#readiness.by : this.#heldBackBy()
    return this.#lastListedAt === undefined
      ? { known, reason, sources }
      : { known, reason, sources, lastListedAt: this.#lastListedAt }
  }

  #listWithin(delay: number): void {
    this.#cancelTimer()
    if (delay > 0) this.#cancelTimer = this.#clock.after(delay, () => this.#beginListing())
    else this.#beginListing()
  }

  #beginListing(): void {
    const { store } = this.#options
    if (store === undefined || this.#listing !== undefined || this.#stop.signal.aborted) return
    this.#progressAt = Number.NEGATIVE_INFINITY
    // A source that is back says so more than once in a turn: one listing is for all of that.
    const begun = Promise.resolve().then(() => {
      this.#again = false
      return this.#list(store)
    })
    this.#listing = begun.finally(() => {
      this.#listing = undefined
      this.#trustJournal()
      this.#scheduleListing()
    })
  }

  async #list(store: PersistentStore): Promise<void> {
    const { logger, target } = this.#options
    const begunAt = this.#clock.now()
    const subscribed = this.#subscribed
    const started = this.#clock.elapsed()
    try {
      const apply = (record: RevocationRecord) => target.apply(record, store.name)
      const onProgress = () => {
        this.#progressAt = this.#clock.elapsed()
      }
      const records = await applyListing(store, apply, onProgress, this.#stop.signal)
      const ms = this.#clock.elapsed() - started
      this.#pace.succeeded(ms)
      this.#lastListedAt = begunAt
      this.#store?.set('live', undefined)
      logger.debug('listed', { store: store.name, records, ms: Math.round(ms) })
      if (subscribed) this.#listedSinceSubscribed(begunAt)
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#pace.failed()
      this.#store?.set(this.#lastListedAt === undefined ? 'failed' : 'gap', describeError(error))
      logger.warn('the store could not be listed', {
        store: store.name,
        attempt: this.#pace.failures,
        reason: describeError(error),
      })
    }
  }

  #listedSinceSubscribed(begunAt: number): void {
    const { maxStaleness, failurePolicy, target } = this.#options
    target.inStep(begunAt)
    if (failurePolicy === 'open') return
    this.#becomeKnown(maxStaleness === 0 ? Number.POSITIVE_INFINITY : begunAt + maxStaleness, 'the store was listed')
  }

  #scheduleListing(): void {
    if (this.#stop.signal.aborted) return
    if (this.#again) {
      this.#again = false
      this.#listWithin(this.#pace.untilRequested())
      return
    }
    const delay = this.#pace.interval(this.#realtime?.status)
    this.#cancelTimer = this.#clock.after(delay, () => this.requestListing('interval'))
  }

  #realtimeSink(): RevocationSink {
    return this.#sink(this.#realtime, (status) => {
      if (status === 'connecting') return
      this.#subscribed = true
      this.#options.onRealtime?.(status === 'live')
      // Whatever was published before this moment is in the store, or nowhere.
      this.requestListing(`realtime ${status}`)
      if (status !== 'live' || this.#options.store !== undefined || this.#options.failurePolicy === 'open') return
      this.#becomeKnown(Number.POSITIVE_INFINITY, 'the topic was subscribed to')
    })
  }

  #watchSink(): RevocationSink {
    return this.#sink(this.#watch, (status, before) => {
      if (status === 'gap' || (status === 'live' && before !== 'connecting')) this.requestListing(`watch ${status}`)
    })
  }

  #sink(tracker: SourceTracker | undefined, changed: SourceListener['changed']): RevocationSink {
    if (tracker === undefined) throw new TypeError('a sink needs a source')
    const { target } = this.#options
    const apply = (record: RevocationRecord, source: string) => target.apply(record, source)
    return tracker.sink({ apply, resync: (reason) => this.requestListing(reason), changed })
  }

  #becomeKnown(until: number, by: string): void {
    if (this.#readiness.become(until, by)) this.#options.logger.info('the revocation list is known', { by })
  }

  /** A journal that was in step not long ago stands in for sources that cannot be reached. */
  #trustJournal(): void {
    const { journalInStepAt, maxStaleness, startupGrace } = this.#options
    if (this.#readiness.until > 0 || journalInStepAt === undefined || !this.#graceOver) return
    // A listing that gets on is about to tell what was revoked since.
    const rest = this.#listing === undefined ? 0 : this.#progressAt + startupGrace - this.#clock.elapsed()
    if (rest > 0) {
      this.#cancelTrust()
      this.#cancelTrust = this.#clock.after(rest, () => this.#trustJournal())
      return
    }
    const until = maxStaleness === 0 ? Number.POSITIVE_INFINITY : journalInStepAt + maxStaleness
    if (until <= this.#clock.now()) return
    this.#becomeKnown(until, 'the journal, while the sources cannot be reached')
  }

  #markInStep(): void {
    this.#cancelInStep = this.#clock.after(IN_STEP_INTERVAL, () => {
      // A store without a watch is in step at its listings only.
      const following = this.#store === undefined ? [this.#realtime] : [this.#realtime ?? this.#watch, this.#watch]
      if (following.every((tracker) => tracker?.status === 'live')) this.#options.target.inStep(this.#clock.now())
      this.#markInStep()
    })
  }

  #heldBackBy(): string {
    const waiting = [this.#realtime, this.#store].flatMap((tracker) =>
      tracker === undefined || tracker.status === 'live' ? [] : [tracker.inWords()],
    )
    if (waiting.length > 0) return `waiting for ${waiting.join(' and ')}`
    return this.#listing === undefined ? 'waiting for the next listing' : 'a listing is under way'
  }

  /** A source promises never to reject; one that does must not take the gateway with it. */
  async #guard(name: string, run: Promise<void>): Promise<void> {
    try {
      await run
    } catch (error) {
      this.#options.logger.error('a revocation source stopped', error, { source: name })
    }
  }
}
