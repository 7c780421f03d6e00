import { setImmediate } from 'node:timers/promises'
import { describeError, type Logger } from '../logging/index.js'
import { type Clock, systemClock } from './clock.js'
import type { PersistentStore, RealtimeSource, RevocationRecord, RevocationSink, SourceStatus } from './record.js'
import { type SourceState, SourceTracker } from './source-state.js'

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

/** While the topic cannot be read, a store is the only way to learn of a revocation. */
const LISTING_INTERVAL_DURING_GAP = 5_000
/** A listing may take a twentieth of the time, no more. */
const LISTING_DUTY = 20
const RETRY_FIRST = 100
const RETRY_LAST = 30_000
/** The longest that applying records may keep the event loop, ms. */
const SLICE = 5
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
  #lastDuration = 0
  #failures = 0
  #listing: Promise<void> | undefined
  #again = false
  #cancelTimer: () => void = () => undefined
  #cancelInStep: () => void = () => undefined
  #onKnown: (() => void)[] = []
  #knownUntil: number
  #knownBy: string

  constructor(options: SynchronizerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    const now = this.#clock.now()
    const { realtime, store, failurePolicy } = options
    this.#realtime = realtime && new SourceTracker(realtime.name, 'realtime', now)
    this.#store = store && new SourceTracker(store.name, 'store', now)
    this.#watch = store?.watch && new SourceTracker(`${store.name} watch`, 'watch', now)
    const unguarded = realtime === undefined && store === undefined
    this.#knownUntil = unguarded || failurePolicy === 'open' ? Number.POSITIVE_INFINITY : 0
    this.#knownBy = unguarded ? 'no source is configured' : failurePolicy === 'open' ? 'failurePolicy is "open"' : ''
  }

  /**
   * Until when (epoch ms) the list counts as known, unless something renews it; 0 if it is not. A request is refused
   * with 503 when `now` is not below it.
   */
  get knownUntil(): number {
    return this.#knownUntil
  }

  /** Resolves when the list is known for the first time. */
  known(): Promise<void> {
    if (this.#knownUntil > 0) return Promise.resolve()
    return new Promise((resolve) => this.#onKnown.push(resolve))
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
    this.#clock.after(startupGrace, () => {
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
    await Promise.allSettled([...this.#running, this.#listing])
  }

  /** Lists the store now, or once more when the listing under way has ended. */
  requestListing(reason: string): void {
    if (this.#options.store === undefined || this.#stop.signal.aborted) return
    this.#options.logger.debug('listing requested', { reason })
    if (this.#listing !== undefined) {
      this.#again = true
      return
    }
    this.#cancelTimer()
    this.#listing = this.#list(this.#options.store).finally(() => {
      this.#listing = undefined
      this.#scheduleListing()
    })
  }

  state(): SynchronizerState {
    const sources = [this.#realtime, this.#watch, this.#store].flatMap((tracker) =>
      tracker === undefined ? [] : [tracker.describe()],
    )
    const known = this.#clock.now() < this.#knownUntil
    const reason = known ? this.#knownBy : this.#heldBackBy()
    return this.#lastListedAt === undefined
      ? { known, reason, sources }
      : { known, reason, sources, lastListedAt: this.#lastListedAt }
  }

  async #list(store: PersistentStore): Promise<void> {
    const { target, logger } = this.#options
    const begunAt = this.#clock.now()
    const subscribed = this.#subscribed
    const started = performance.now()
    try {
      let count = 0
      let sliceStart = performance.now()
      for await (const record of store.list(this.#stop.signal)) {
        target.apply(record, store.name)
        count++
        if ((count & 63) !== 0 || performance.now() - sliceStart < SLICE) continue
        await setImmediate()
        sliceStart = performance.now()
      }
      this.#failures = 0
      this.#lastDuration = performance.now() - started
      this.#lastListedAt = begunAt
      this.#noteStore('live', undefined)
      logger.debug('listed', { store: store.name, records: count, ms: Math.round(this.#lastDuration) })
      if (subscribed) this.#listedSinceSubscribed(begunAt)
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#failures++
      this.#noteStore(this.#lastListedAt === undefined ? 'failed' : 'gap', describeError(error))
      logger.warn('the store could not be listed', {
        store: store.name,
        attempt: this.#failures,
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
      // A store that fails is not asked again at once, however often a listing is asked for.
      if (this.#failures === 0) {
        this.requestListing('asked for during a listing')
        return
      }
    }
    this.#cancelTimer = this.#clock.after(this.#listingDelay(), () => this.requestListing('interval'))
  }

  #listingDelay(): number {
    if (this.#failures > 0) {
      const ceiling = Math.min(RETRY_LAST, RETRY_FIRST * 2 ** Math.min(this.#failures - 1, 20))
      return ceiling / 2 + (ceiling / 2) * this.#clock.random()
    }
    const inGap = this.#realtime !== undefined && this.#realtime.status !== 'live'
    const interval = inGap
      ? Math.min(LISTING_INTERVAL_DURING_GAP, this.#options.refreshInterval)
      : this.#options.refreshInterval
    return Math.max(interval, LISTING_DUTY * this.#lastDuration)
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

  #sink(
    tracker: SourceTracker | undefined,
    changed: (status: SourceStatus, before: SourceStatus) => void,
  ): RevocationSink {
    if (tracker === undefined) throw new TypeError('a sink needs a source')
    return {
      revoked: (record) => this.#options.target.apply(record, tracker.name),
      resync: (reason) => this.requestListing(reason),
      state: (status, detail) => {
        const before = tracker.set(status, detail, this.#clock.now())
        if (before === undefined) return
        if (tracker.role !== 'realtime') this.#logState(tracker.name, status, detail) // realtime/reconnect says it
        changed(status, before)
      },
    }
  }

  #noteStore(status: SourceStatus, detail: string | undefined): void {
    if (this.#store?.set(status, detail, this.#clock.now()) === undefined) return
    this.#logState(this.#store.name, status, detail)
  }

  #logState(source: string, status: SourceStatus, detail: string | undefined): void {
    const { logger } = this.#options
    if (status === 'live') logger.info('revocation source is live', { source })
    else if (status !== 'connecting') logger.warn('revocation source is not live', { source, status, reason: detail })
  }

  #becomeKnown(until: number, by: string): void {
    const first = this.#knownUntil === 0
    this.#knownBy = by
    this.#knownUntil = until
    if (!first) return
    this.#options.logger.info('the revocation list is known', { by })
    for (const resolve of this.#onKnown.splice(0)) resolve()
  }

  /** A journal that was in step not long ago stands in for sources that cannot be reached. */
  #trustJournal(): void {
    const { journalInStepAt, maxStaleness } = this.#options
    if (this.#knownUntil > 0 || journalInStepAt === undefined || !this.#graceOver) return
    const until = maxStaleness === 0 ? Number.POSITIVE_INFINITY : journalInStepAt + maxStaleness
    if (until <= this.#clock.now()) return
    this.#becomeKnown(until, 'the journal, while the sources cannot be reached')
  }

  #markInStep(): void {
    this.#cancelInStep = this.#clock.after(IN_STEP_INTERVAL, () => {
      const live = [this.#realtime, this.#store].every((tracker) => tracker === undefined || tracker.status === 'live')
      if (live && (this.#realtime ?? this.#store) !== undefined) this.#options.target.inStep(this.#clock.now())
      this.#markInStep()
    })
  }

  #heldBackBy(): string {
    const waiting = [this.#realtime, this.#store].filter((tracker) => tracker && tracker.status !== 'live')
    if (waiting.length === 0) return 'a listing is under way'
    return `waiting for ${waiting.map((tracker) => tracker?.name).join(' and ')}`
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
