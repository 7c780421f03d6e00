import type { Histogram } from '../metrics/index.js'
import type { RevocationRecord } from '../revocation/index.js'
import type { PersistentStore, RealtimeSource, RevocationSink, SourceStatus } from '../sources/source.js'
import { type Clock, type KnownStatus, STANDSTILL, systemClock } from '../time/index.js'
import { keepRunning } from './keep-running.js'
import { Listings, type SucceededListing } from './listings.js'
import type { SynchronizerOptions, SynchronizerState } from './options.js'
import { Readiness } from './readiness.js'
import { type SourceListener, type SourceState, SourceTracker } from './source-state.js'

const IN_SYNC_INTERVAL = 60_000

/**
 * Keeps the list in sync with its sources: subscribe, then list, then known. Lists the store again after every gap of the
 * topic or the watch, on request, and at intervals. Listings never overlap: one that is requested meanwhile follows.
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
  /** There is no topic, it is subscribed, or the first attempt failed or has taken `startupGrace`: listings count. */
  #topicTried: boolean
  #graceOver = false
  /** The worst status of the streams; `undefined` if there are none. */
  #streams: SourceStatus | undefined
  /** When the process went on after a standstill (by the clock's `elapsed`), until a listing that began later has ended. */
  #wokeAt = Number.NEGATIVE_INFINITY
  #cancelInSync: () => void = () => undefined
  #cancelTrust: () => void = () => undefined

  constructor(options: SynchronizerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    const { realtime, store, logger } = options
    const track = (name: string, role: SourceState['role']) => new SourceTracker(name, role, this.#clock, logger)
    this.#realtime = realtime && track(realtime.name, 'realtime')
    this.#store = store && track(store.name, 'store')
    this.#watch = store?.watch && track(`${store.name} watch`, 'watch')
    this.#topicTried = realtime === undefined
    this.#streams = options.hasStreams === true ? 'connecting' : undefined
    this.#listings = store && this.#store && this.#listingsOf(store, this.#store)
    this.#readiness = new Readiness({
      hasTopic: realtime !== undefined,
      hasStore: store !== undefined,
      hasStreams: this.#streams !== undefined,
      failurePolicy: options.failurePolicy,
      maxStaleness: options.maxStaleness,
      journalInSyncAt: options.journalInSyncAt,
      isJournalRecent: options.isJournalRecent,
      journalLoss: options.journalLoss,
      ...(options.standstill === undefined ? {} : { isCatchingUp: () => this.#isCatchingUp }),
      logger,
      clock: this.#clock,
    })
  }

  /** Until when (by the clock's `elapsed`) the list is known, unless that is renewed; 0 if it never was. */
  get knownUntil(): number {
    return this.#readiness.until
  }

  /** Whether the list is known now; tells listeners when it stops being known. */
  get knownStatus(): KnownStatus {
    return this.#readiness.status
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
    if (serveWhileListing === true) this.#readiness.serveJournal('the journal, as serveWhileListing has it')
    this.#markInSync()
    this.#options.standstill?.start(() => this.#woke())
  }

  /** Stops the sources; resolves when they have stopped. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#options.standstill?.stop()
    this.#cancelInSync()
    this.#cancelTrust()
    this.#readiness.status.close()
    await Promise.allSettled([...this.#running, this.#listings?.stopped()])
  }

  /** Lists the store: now, as soon as its pace allows, or again after the current listing. */
  requestListing(reason: string): void {
    this.#listings?.request(reason)
  }

  /** Call when the result of {@link SynchronizerOptions.journalLoss} changes. */
  journalChanged(): void {
    this.#readiness.journalChanged(this.#realtime?.status === 'live')
  }

  /** Call when the worst status of the streams changes. `live`: what waited in them was read. */
  streamsChanged(status: SourceStatus): void {
    this.#streams = status
    if (status === 'live') this.#readiness.streamsRead()
    else this.#trustJournal()
  }

  state(): SynchronizerState {
    const { realtime, store } = this.#options
    const sources = [this.#realtime, this.#watch, this.#store].flatMap((tracker) => {
      if (tracker === undefined) return []
      const source = tracker.role === 'realtime' ? realtime : tracker.role === 'store' ? store : undefined
      return [tracker.describe(source?.malformed?.())]
    })
    const known = this.#readiness.status.isKnown
    const reason = known ? this.#readiness.by : this.#waitsFor()
    const lastListedAt = this.#listings?.lastListedAt
    return {
      known,
      reason,
      sources,
      ...(lastListedAt === undefined ? {} : { lastListedAt }),
      ...(this.#listings === undefined ? {} : { listings: this.#listings.progress.state() }),
    }
  }

  /** How long the topic's revocations took to arrive; `undefined` if there is no topic. */
  get realtimeLag(): { readonly source: string; readonly lag: Histogram } | undefined {
    return this.#realtime && { source: this.#realtime.name, lag: this.#realtime.lag }
  }

  #listingsOf(store: PersistentStore, tracker: SourceTracker): Listings {
    const { target, logger, refreshInterval, maxStaleness, journalInSyncAt, journalPosition, lastListing } =
      this.#options
    return new Listings({
      store,
      last: lastListing,
      position: journalInSyncAt === undefined ? undefined : journalPosition,
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
        if (listing.started >= this.#wokeAt) this.#wokeAt = Number.NEGATIVE_INFINITY
        if (listing.last !== undefined) target.listed?.(listing.last)
        if (listing.counted) this.#listed(listing)
      },
      changed: () => {
        if (tracker.status !== 'live') this.#wokeAt = Number.NEGATIVE_INFINITY // it goes on with what it knows
        this.#trustJournal()
      },
    })
  }

  #listed({ begunAt, started, isWhole }: SucceededListing): void {
    const { target, store } = this.#options
    this.#readiness.listed(started, isWhole)
    if (isWhole) target.complete?.()
    // Only a whole listing starts a new position: whatever a catch-up may have missed must not be skipped for good.
    const position = isWhole ? store?.position?.() : undefined
    if (this.#areStreamsLive) target.inSync(begunAt, position)
  }

  #woke(): void {
    this.#options.logger.warn('this process stood still; reading what was revoked meanwhile')
    if (this.#listings === undefined) return
    this.#wokeAt = this.#clock.elapsed()
    this.requestListing('the process stood still')
  }

  /** After a standstill: until what waits was read, and a listing that began later has ended, for as long as a lease at most. */
  get #isCatchingUp(): boolean {
    if (this.#options.standstill?.isCatchingUp === true) return true
    return this.#wokeAt > 0 && this.#clock.elapsed() - this.#wokeAt < STANDSTILL
  }

  #realtimeSink(): RevocationSink {
    return this.#sink(this.#realtime, (status) => {
      if (status === 'connecting') return
      this.#topicTried = true
      this.#options.onRealtime?.(status === 'live')
      // Whatever was published before now is in the store, or nowhere.
      this.requestListing(`realtime ${status}`)
      if (status === 'live') this.#readiness.subscribed()
    })
  }

  /** After a gap, and when a watch that was live or failed before becomes live: the changes in between are only in the store. */
  #watchSink(): RevocationSink {
    let hasReported = false
    return this.#sink(this.#watch, (status) => {
      if (status === 'gap' || (status === 'live' && hasReported)) this.requestListing(`watch ${status}`)
      hasReported = true
    })
  }

  #sink(tracker: SourceTracker | undefined, changed: SourceListener['changed']): RevocationSink {
    if (tracker === undefined) throw new TypeError('a sink needs a source')
    const { target } = this.#options
    const apply = (record: RevocationRecord, source: string) => target.apply(record, source)
    return tracker.sink({ apply, resync: (reason) => this.requestListing(reason), changed })
  }

  /** A topic that has not answered by now counts as failed: listings must not wait for it. */
  #endGrace(): void {
    this.#graceOver = true
    if (!this.#topicTried) {
      this.#topicTried = true
      this.requestListing('the topic does not answer')
    }
    this.#trustJournal()
  }

  /** Lets a recent journal stand in for sources that cannot be reached: once nothing was heard of the store for `startupGrace`. */
  #trustJournal(): void {
    if (!this.#graceOver || !this.#readiness.awaitsJournal || this.#stop.signal.aborted) return
    // Streams that are being read say how they come to an end.
    if (this.#streams === 'connecting') return
    // A store that was not tried yet, or makes progress, is about to deliver what was revoked since.
    const silentSince = this.#listings?.silentSince ?? Number.NEGATIVE_INFINITY
    const rest = silentSince + this.#options.startupGrace - this.#clock.elapsed()
    this.#cancelTrust()
    if (rest > 0) {
      this.#cancelTrust = this.#clock.after(rest, () => this.#trustJournal())
      return
    }
    this.#readiness.serveJournal('the journal, while the sources cannot be reached')
  }

  #markInSync(): void {
    this.#cancelInSync = this.#clock.after(IN_SYNC_INTERVAL, () => {
      if (this.#isInSync()) this.#options.target.inSync(this.#clock.now())
      this.#markInSync()
    })
  }

  /** Whether nothing can have been missed up to now. A store without a watch is in sync at its listings only. */
  #isInSync(): boolean {
    if (this.#readiness.journalLoss !== undefined) return false
    if (this.#realtime !== undefined && this.#realtime.status !== 'live') return false
    if (!this.#areStreamsLive) return false
    if (this.#listings === undefined) return this.#realtime !== undefined || this.#streams !== undefined
    return this.#watch?.status === 'live' && this.#listings.isCurrent
  }

  get #areStreamsLive(): boolean {
    return this.#streams === undefined || this.#streams === 'live'
  }

  #waitsFor(): string {
    if (this.#isCatchingUp) return 'reading what came while this process stood still'
    const loss = this.#readiness.journalLoss
    if (loss !== undefined && this.#store === undefined) return loss
    const waiting = [this.#realtime, this.#store].flatMap((tracker) =>
      tracker === undefined || tracker.status === 'live' ? [] : [tracker.inWords()],
    )
    if (!this.#areStreamsLive) waiting.push(`the streams of identity providers (${this.#streams})`)
    if (waiting.length > 0) return `waiting for ${waiting.join(' and ')}`
    return this.#listings?.isUnderWay === true ? 'a listing is under way' : 'waiting for the next listing'
  }
}
