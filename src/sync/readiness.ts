import type { Logger } from '../logging/index.js'
import { type Clock, KnownStatus } from '../time/index.js'

export interface ReadinessOptions {
  readonly hasTopic: boolean
  readonly hasStore: boolean
  /** Whether there are streams whose backlog is to be read first. */
  readonly hasStreams: boolean
  readonly failurePolicy: 'closed' | 'open'
  /** Milliseconds without a listing after which the list is not known any more; 0: no limit. */
  readonly maxStaleness: number
  /** When the journal was last in sync with the sources (epoch ms), if that is recent enough to be believed. */
  readonly journalInSyncAt: number | undefined
  /** Whether the journal is still recent enough: the clock may have been set since. */
  readonly isJournalRecent: (() => boolean) | undefined
  /** Why the journal may have lost entries; `undefined` if it has not. */
  readonly journalLoss: (() => string | undefined) | undefined
  /** Whether what came while the process stood still may wait to be read: the list is not known meanwhile. */
  readonly isCatchingUp?: () => boolean
  readonly logger: Logger
  readonly clock: Clock
}

/**
 * Whether the list is known, until when, and why. It becomes known
 * - at once, with `failurePolicy = "open"` or without a topic, a store and streams,
 * - when the topic is subscribed to, if there is no store,
 * - with each listing of the store that counts, for `maxStaleness`,
 * - by a recent journal, while the sources cannot be reached.
 * A journal with losses rules out all but the policy and a whole listing. Where there are streams, topic and store do not
 * make it known before what waited in the streams was read: what those say is nowhere else.
 */
export class Readiness {
  readonly status: KnownStatus
  readonly #options: ReadinessOptions
  #until = 0
  #by = ''
  #isListed = false
  #areStreamsRead: boolean
  /** What has made it known but for the streams. */
  #held: { readonly until: number; readonly by: string } | undefined
  #waiting: (() => void)[] = []

  constructor(options: ReadinessOptions) {
    this.#options = options
    const { clock, failurePolicy, hasStreams } = options
    this.#areStreamsRead = !hasStreams
    const always = failurePolicy === 'open' ? 'failurePolicy is "open"' : this.#unguarded()
    if (always !== undefined) {
      this.#until = Number.POSITIVE_INFINITY
      this.#by = always
    }
    const remaining = () => {
      const { until } = this
      return until === Number.POSITIVE_INFINITY ? until : until - clock.elapsed()
    }
    this.status = new KnownStatus(remaining, clock)
  }

  /** By the clock's `elapsed`; 0 as long as it has never been known, and after a standstill. */
  get until(): number {
    const { failurePolicy, isCatchingUp } = this.#options
    return failurePolicy === 'closed' && isCatchingUp?.() === true ? 0 : this.#until
  }

  /** Why it is known, for people. */
  get by(): string {
    return this.#by
  }

  /** Why the journal may have lost entries; `undefined` if it has not. */
  get journalLoss(): string | undefined {
    return this.#options.journalLoss?.()
  }

  /** Resolves when the list is known for the first time. */
  known(): Promise<void> {
    if (this.#until > 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The topic is live. Without a store, what it delivers from now on and an intact journal are all there is to know. */
  subscribed(): void {
    const { hasStore, failurePolicy } = this.#options
    if (hasStore || failurePolicy === 'open' || this.journalLoss !== undefined) return
    this.#mayBecome(Number.POSITIVE_INFINITY, 'the topic was subscribed to')
  }

  /**
   * A listing that counts has succeeded. One that only caught up needs an intact journal.
   *
   * @param started when it began, by the clock's `elapsed`
   */
  listed(started: number, isWhole: boolean): void {
    const { failurePolicy, maxStaleness } = this.#options
    if (isWhole) this.#isListed = true
    if (failurePolicy === 'open' || (!isWhole && this.journalLoss !== undefined)) return
    const until = maxStaleness === 0 ? Number.POSITIVE_INFINITY : started + maxStaleness
    this.#mayBecome(until, isWhole ? 'the store was listed' : 'the journal, and what the store has got since')
  }

  /** Whether a journal could still make the list known. */
  get awaitsJournal(): boolean {
    return this.#until === 0 && this.#options.journalInSyncAt !== undefined
  }

  /** Takes a recent, intact journal for the list, unless it is known already. */
  serveJournal(by: string): void {
    const { journalInSyncAt, isJournalRecent, maxStaleness, clock } = this.#options
    if (this.#until > 0 || journalInSyncAt === undefined || this.journalLoss !== undefined) return
    if (isJournalRecent?.() === false) return
    const left = maxStaleness === 0 ? Number.POSITIVE_INFINITY : journalInSyncAt + maxStaleness - clock.now()
    if (left > 0) this.#become(clock.elapsed() + left, by)
  }

  /** All that waited in the streams was read. */
  streamsRead(): void {
    if (this.#areStreamsRead) return
    this.#areStreamsRead = true
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#become(held.until, held.by)
    else this.#streamsAlone()
  }

  /** Call when {@link journalLoss} changes. */
  journalChanged(isTopicLive: boolean): void {
    if (this.#options.failurePolicy === 'open' || this.#isListed) return
    if (this.journalLoss !== undefined) this.#lose()
    const unguarded = this.#unguarded()
    if (unguarded !== undefined) this.#become(Number.POSITIVE_INFINITY, unguarded)
    if (isTopicLive) this.subscribed()
    this.#streamsAlone()
  }

  #unguarded(): string | undefined {
    const { hasTopic, hasStore, hasStreams } = this.#options
    const isGuarded = hasTopic || hasStore || hasStreams || this.journalLoss !== undefined
    return isGuarded ? undefined : 'there is no topic, store or poll stream to wait for'
  }

  /** Without a topic and a store, the streams and an intact journal are all there is to know. */
  #streamsAlone(): void {
    const { hasTopic, hasStore, hasStreams, failurePolicy } = this.#options
    if (!hasStreams || hasTopic || hasStore || !this.#areStreamsRead) return
    if (failurePolicy === 'closed' && this.journalLoss === undefined)
      this.#become(Number.POSITIVE_INFINITY, 'the streams were read')
  }

  /** Unless streams are to be read first. */
  #mayBecome(until: number, by: string): void {
    if (this.#areStreamsRead || this.#until > 0) this.#become(until, by)
    else this.#held = { until, by }
  }

  #lose(): void {
    const wasKnown = this.#until > 0
    this.#until = 0
    this.#held = undefined
    this.#by = ''
    void this.status.isKnown
    if (wasKnown) this.#options.logger.warn('revocation list is no longer known')
  }

  #become(until: number, by: string): void {
    const isFirst = this.#until === 0
    void this.status.isKnown // tells the listeners if it had stopped being known in between
    this.#until = until
    this.#by = by
    for (const resolve of this.#waiting.splice(0)) resolve()
    if (isFirst) this.#options.logger.info('revocation list is known', { by })
  }
}
