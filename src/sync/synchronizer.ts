import type { Logger } from '../logging/index.js'
import type { JSONValue, RevocationRecord } from '../revocation/index.js'
import type { PersistentStore, RealtimeSource, RevocationSink } from '../sources/source.js'
import { type Clock, type KnownWatch, systemClock } from '../time/index.js'
import { keepRunning } from './keep-running.js'
import type { LastListing } from './last-listing.js'
import { Listings, type SucceededListing } from './listings.js'
import { Readiness } from './readiness.js'
import { type SourceListener, type SourceState, SourceTracker } from './source-state.js'

/** Where the synchronizer puts what it learns. */
export interface RevocationTarget {
  /** Applies a record; `source` is its source's name. Safe to call with anything that a source may say. */
  apply(record: RevocationRecord, source: string): void
  /**
   * The list held, at `at` (epoch ms), all that the sources knew. Called after each listing, and every minute while it stays so.
   *
   * @param position how far the store was read for that, after a listing of all of it: see {@link PersistentStore.position}
   */
  inStep(at: number, position?: JSONValue): void
  /** The store was listed, and the list has all of it. Not called for a listing that found nothing changed. */
  listed?(last: LastListing): void
  /** The list holds all of the store, whatever the journal lacks. Called when a listing that counts has succeeded. */
  complete?(): void
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
  /** Asked when it is to be taken for the list: whether that is recent enough still. The clock may have been set since. */
  readonly isJournalRecent?: () => boolean
  /** How far the store was read then: it is caught up with from there, and listed after that. */
  readonly journalPosition?: JSONValue
  /** Whether a journal that is recent enough makes the list known at once. What was revoked since then is missing in it. */
  readonly serveWhileListing?: boolean
  /** What the journal knows of the last listing, if the list holds all of it: it was read whole, and is of these sources. */
  readonly lastListing?: LastListing
  /**
   * Why the journal may hold less than it once did; `undefined`: it does not. While it does a store's listing alone makes
   * the list known, and without a store nothing.
   */
  readonly journalLoss?: () => string | undefined
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
  readonly #listings: Listings | undefined
  readonly #readiness: Readiness
  /** There is no topic, it was subscribed to, or the first attempt has failed: by then, or by hanging for `startupGrace`. */
  #topicTried: boolean
  #graceOver = false
  #isListed = false
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
    this.#topicTried = realtime === undefined
    this.#listings = store && this.#store && this.#listingsOf(store, this.#store)
    this.#readiness = new Readiness(
      failurePolicy === 'open' ? 'failurePolicy is "open"' : this.#unguarded(),
      this.#clock,
    )
  }

  /** Until when (by the clock's `elapsed`) the list counts as known, unless something renews it; 0 if it never was. */
  get knownUntil(): number {
    return this.#readiness.until
  }

  /** Whether it is known now, and who wants to hear when it ceases to be. */
  get watch(): KnownWatch {
    return this.#readiness.watch
  }

  /** Resolves when the list is known for the first time. */
  known(): Promise<void> {
    return this.#readiness.known()
  }

  /** Starts the sources; returns at once. */
  start(): void {
    const { realtime, store, startupGrace, serveWhileListing, logger } = this.#options
    const signal = this.#stop.signal
    const keep = (name: string, run: RealtimeSource['run'], sink: RevocationSink) =>
      this.#running.push(keepRunning(run, sink, { name, clock: this.#clock, logger, signal }))
    if (realtime !== undefined) keep(realtime.name, (...given) => realtime.run(...given), this.#realtimeSink())
    if (store?.watch !== undefined) keep(store.name, async (...given) => store.watch?.(...given), this.#watchSink())
    if (this.#topicTried) this.requestListing('start')
    this.#cancelTrust = this.#clock.after(startupGrace, () => this.#endGrace())
    if (serveWhileListing === true) this.#serveJournal('the journal, as serveWhileListing has it')
    this.#markInStep()
  }

  /** Stops the sources; resolves when they have. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#cancelInStep()
    this.#cancelTrust()
    this.#readiness.watch.close()
    await Promise.allSettled([...this.#running, this.#listings?.stopped()])
  }

  /** Lists the store: now, as soon as its pace allows, or once more when the listing under way has ended. */
  requestListing(reason: string): void {
    this.#listings?.request(reason)
  }

  /** To be called when {@link SynchronizerOptions.journalLoss} answers otherwise than before. */
  journalChanged(): void {
    const { failurePolicy, logger } = this.#options
    if (failurePolicy === 'open' || this.#isListed) return
    if (this.#loss !== undefined && this.#readiness.lose()) logger.warn('the revocation list is not known any more')
    const unguarded = this.#unguarded()
    if (unguarded !== undefined) this.#becomeKnown(Number.POSITIVE_INFINITY, unguarded)
    if (this.#realtime?.status === 'live') this.#subscribed()
  }

  state(): SynchronizerState {
    const { realtime, store } = this.#options
    const sources = [this.#realtime, this.#watch, this.#store].flatMap((tracker) => {
      if (tracker === undefined) return []
      const source = tracker.role === 'realtime' ? realtime : tracker.role === 'store' ? store : undefined
      return [tracker.describe(source?.malformed?.())]
    })
    const known = this.#readiness.watch.isKnown
    const reason = known ? this.#readiness.by : this.#heldBackBy()
    const lastListedAt = this.#listings?.lastListedAt
    return { known, reason, sources, ...(lastListedAt === undefined ? {} : { lastListedAt }) }
  }

  #listingsOf(store: PersistentStore, tracker: SourceTracker): Listings {
    const { target, logger, refreshInterval, maxStaleness, journalInStepAt, journalPosition, lastListing } =
      this.#options
    return new Listings({
      store,
      last: lastListing,
      position: journalInStepAt === undefined ? undefined : journalPosition,
      tracker,
      logger,
      clock: this.#clock,
      signal: this.#stop.signal,
      refreshInterval,
      maxStaleness,
      topic: () => this.#realtime?.status,
      watch: () => this.#watch?.status,
      apply: (record) => target.apply(record, store.name),
      due: () => this.requestListing('interval'),
      counts: () => this.#topicTried,
      succeeded: (listing) => {
        if (listing.last !== undefined) target.listed?.(listing.last)
        if (listing.counted) this.#listed(listing)
      },
      changed: () => this.#trustJournal(),
    })
  }

  #listed({ begunAt, started, isWhole }: SucceededListing): void {
    const { maxStaleness, failurePolicy, target, store } = this.#options
    if (isWhole) {
      this.#isListed = true
      target.complete?.()
    }
    // Only a listing of all of it starts a new position: what one that caught up may have overlooked is not passed on.
    target.inStep(begunAt, isWhole ? store?.position?.() : undefined)
    // What is new to the store is all that there is to know beside a whole journal.
    if (failurePolicy === 'open' || (!isWhole && this.#loss !== undefined)) return
    const until = maxStaleness === 0 ? Number.POSITIVE_INFINITY : started + maxStaleness
    this.#becomeKnown(until, isWhole ? 'the store was listed' : 'the journal, and what the store has got since')
  }

  #realtimeSink(): RevocationSink {
    return this.#sink(this.#realtime, (status) => {
      if (status === 'connecting') return
      this.#topicTried = true
      this.#options.onRealtime?.(status === 'live')
      // Whatever was published before this moment is in the store, or nowhere.
      this.requestListing(`realtime ${status}`)
      if (status === 'live') this.#subscribed()
    })
  }

  /** Without a store, what a topic delivers from now on is all that there is to know, beside a whole journal. */
  #subscribed(): void {
    const { store, failurePolicy } = this.#options
    if (store !== undefined || failurePolicy === 'open' || this.#loss !== undefined) return
    this.#becomeKnown(Number.POSITIVE_INFINITY, 'the topic was subscribed to')
  }

  get #loss(): string | undefined {
    return this.#options.journalLoss?.()
  }

  #unguarded(): string | undefined {
    const { realtime, store } = this.#options
    const isUnguarded = realtime === undefined && store === undefined && this.#loss === undefined
    return isUnguarded ? 'no source is configured' : undefined
  }

  #watchSink(): RevocationSink {
    let before = false
    return this.#sink(this.#watch, (status) => {
      // It was live, or has tried: what came meanwhile is in the store.
      if (status === 'gap' || (status === 'live' && before)) this.requestListing(`watch ${status}`)
      before = true
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

  /** A topic that has not answered by now has failed as much as one that refuses: the store must not wait for it. */
  #endGrace(): void {
    this.#graceOver = true
    if (!this.#topicTried) {
      this.#topicTried = true
      this.requestListing('the topic does not answer')
    }
    this.#trustJournal()
  }

  /** A journal that was in step not long ago stands in for sources that cannot be reached. */
  #trustJournal(): void {
    const { journalInStepAt, startupGrace } = this.#options
    if (this.#readiness.until > 0 || journalInStepAt === undefined || !this.#graceOver) return
    if (this.#stop.signal.aborted) return
    // A store that was not asked yet, or gets on, is about to tell what was revoked since.
    const silentSince = this.#listings?.silentSince ?? Number.NEGATIVE_INFINITY
    const rest = silentSince + startupGrace - this.#clock.elapsed()
    this.#cancelTrust()
    if (rest > 0) {
      this.#cancelTrust = this.#clock.after(rest, () => this.#trustJournal())
      return
    }
    this.#serveJournal('the journal, while the sources cannot be reached')
  }

  #serveJournal(by: string): void {
    const { journalInStepAt, isJournalRecent, maxStaleness } = this.#options
    if (this.#readiness.until > 0 || journalInStepAt === undefined || this.#loss !== undefined) return
    if (isJournalRecent?.() === false) return
    const left = maxStaleness === 0 ? Number.POSITIVE_INFINITY : journalInStepAt + maxStaleness - this.#clock.now()
    if (left > 0) this.#becomeKnown(this.#clock.elapsed() + left, by)
  }

  #markInStep(): void {
    this.#cancelInStep = this.#clock.after(IN_STEP_INTERVAL, () => {
      if (this.#isInStep()) this.#options.target.inStep(this.#clock.now())
      this.#markInStep()
    })
  }

  /** Whether nothing can have been missed up to now. A store without a watch is in step at its listings only. */
  #isInStep(): boolean {
    if (this.#loss !== undefined) return false
    if (this.#realtime !== undefined && this.#realtime.status !== 'live') return false
    if (this.#listings === undefined) return this.#realtime !== undefined
    return this.#watch?.status === 'live' && this.#listings.isCurrent
  }

  #heldBackBy(): string {
    const loss = this.#loss
    if (loss !== undefined && this.#store === undefined) return loss
    const waiting = [this.#realtime, this.#store].flatMap((tracker) =>
      tracker === undefined || tracker.status === 'live' ? [] : [tracker.inWords()],
    )
    if (waiting.length > 0) return `waiting for ${waiting.join(' and ')}`
    return this.#listings?.isUnderWay === true ? 'a listing is under way' : 'waiting for the next listing'
  }
}
