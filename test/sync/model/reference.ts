import type { RevocationRecord } from '../../../src/revocation/record.js'

export interface ReferenceOptions {
  readonly hasTopic: boolean
  readonly hasStore: boolean
  readonly failurePolicy: 'closed' | 'open'
  readonly startupGrace: number
  readonly maxStaleness: number
  readonly refreshInterval: number
  readonly listingTakes: number
}

/** A store that fails is asked again within this many milliseconds, while the topic is live, and while it is not. */
const RETRY = 30_000
const RETRY_DURING_GAP = 5_000
const INTERVAL_DURING_GAP = 5_000
const DUTY = 20
/** A listing that is asked for waits so long at most behind one that failed. */
const REQUEST_SPACING = 1_000

interface Duty {
  readonly records: readonly RevocationRecord[]
  /** Epoch ms. */
  readonly by: number
}

/**
 * What the synchronizer promises, told anew and as plainly as possible from what happens around it: what must be
 * refused, until when the list is known, how often the store may and must be listed.
 */
export class Reference {
  readonly #options: ReferenceOptions
  /** By id, until when (epoch ms) it must be refused. */
  readonly must = new Map<string, number>()
  /** By id: what a journal must hold. */
  #onDisk = new Map<string, number>()
  #duties: Duty[] = []
  #startedAt = 0
  #journalInSyncAt: number | undefined
  #subscribed = false
  #topicIsLive = false
  #watchIsLive = false
  /** Since when nothing arrives as it happens, if that is so. */
  #silentSince: number | undefined
  #listing: { readonly begunAt: number; readonly subscribed: boolean; readonly records: number } | undefined
  #lastEnd: number | undefined
  #lastDuration = 0
  #failures = 0
  #asked = false
  knownUntil = 0

  constructor(options: ReferenceOptions) {
    this.#options = options
  }

  // ---- what is known ----

  /** A source has said so. */
  told(record: RevocationRecord): void {
    this.must.set(
      record.id ?? '',
      Math.max(this.must.get(record.id ?? '') ?? 0, record.expiresAt ?? Number.POSITIVE_INFINITY),
    )
  }

  /** A source asked for a listing, or its status changed: that is what makes one begin before its time. */
  asked(): void {
    this.#asked = true
  }

  /** The store holds these, now, and can be read. A listing is due at once. */
  listingDue(records: Iterable<RevocationRecord>, now: number): void {
    this.#owe(records, now + REQUEST_SPACING + 3 * this.#options.listingTakes)
  }

  /** As before, but nobody has asked for a listing. */
  listingDueInTime(records: Iterable<RevocationRecord>, now: number): void {
    const { hasTopic, refreshInterval, listingTakes } = this.#options
    const isGap = hasTopic && !this.#topicIsLive
    const interval = isGap ? RETRY_DURING_GAP + INTERVAL_DURING_GAP : RETRY + refreshInterval
    this.#owe(records, now + REQUEST_SPACING + interval + (this.#duty + 3) * listingTakes)
  }

  /** The store was cut: what was due is due no more. */
  storeLost(): void {
    this.#duties = []
  }

  /** What a listing must have brought by now. */
  overdue(now: number): RevocationRecord[] {
    const due = this.#duties.filter(({ by }) => by <= now)
    this.#duties = this.#duties.filter(({ by }) => by > now)
    return due.flatMap(({ records }) => records)
  }

  #owe(records: Iterable<RevocationRecord>, by: number): void {
    this.#duties.push({ records: [...records], by })
  }

  // ---- a gateway's life ----

  started(now: number, journalInSyncAt: number | undefined): void {
    const { hasTopic, hasStore, failurePolicy } = this.#options
    this.#startedAt = now
    this.#journalInSyncAt = journalInSyncAt
    this.#subscribed = !hasTopic
    this.#topicIsLive = false
    this.#watchIsLive = false
    this.#silentSince = now
    this.#listing = undefined
    this.#lastEnd = undefined
    this.#failures = 0
    this.#duties = []
    this.knownUntil = failurePolicy === 'open' || (!hasTopic && !hasStore) ? Number.POSITIVE_INFINITY : 0
  }

  /** The journal has all that must be known now. */
  written(): void {
    this.#onDisk = new Map(this.must)
  }

  /** The gateway ended, and what was not on disk is gone. */
  ended(): void {
    this.must.clear()
    for (const [id, until] of this.#onDisk) this.must.set(id, until)
  }

  /** `startupGrace` is over. Returns whether a listing is due: a topic that hangs must not hold it back. */
  graceEnded(): boolean {
    const hangs = !this.#subscribed
    this.#subscribed = true
    return hangs
  }

  topic(status: 'live' | 'gap' | 'failed', now: number): void {
    this.#subscribed = true
    this.#topicIsLive = status === 'live'
    this.#pushed(now)
    if (status === 'live' && !this.#options.hasStore) this.knownUntil = Number.POSITIVE_INFINITY
  }

  watch(status: 'live' | 'gap' | 'failed', now: number): void {
    this.#watchIsLive = status === 'live'
    this.#pushed(now)
    this.asked()
  }

  #pushed(now: number): void {
    this.#silentSince = this.#topicIsLive || this.#watchIsLive ? undefined : (this.#silentSince ?? now)
  }

  /** How many times as long as a listing the pause after it is. */
  get #duty(): number {
    return this.#topicIsLive || this.#watchIsLive ? DUTY : 1
  }

  /** Returns what is wrong with a listing that begins now, if anything. */
  listingBegan(now: number, records: number): string | undefined {
    const overlaps = this.#listing !== undefined
    this.#listing = { begunAt: now, subscribed: this.#subscribed, records }
    if (overlaps) return 'two listings at one time'
    if (this.#lastEnd === undefined) return undefined
    const least = this.#asked ? this.#spacing : this.#interval
    this.#asked = false
    if (now - this.#lastEnd < least) return `a listing ${now - this.#lastEnd} ms after the last one, not ${least}`
    return undefined
  }

  get #spacing(): number {
    if (this.#failures === 0) return this.#lastDuration
    return Math.min(REQUEST_SPACING, 50 * 2 ** Math.min(this.#failures - 1, 9))
  }

  get #interval(): number {
    const { hasTopic, refreshInterval, maxStaleness } = this.#options
    if (this.#failures > 0) return this.#spacing
    const gap = hasTopic && !this.#topicIsLive ? INTERVAL_DURING_GAP - this.#lastDuration : refreshInterval
    const staleness = maxStaleness === 0 ? refreshInterval : maxStaleness / 2
    return Math.max(Math.min(gap, staleness, refreshInterval), this.#duty * this.#lastDuration)
  }

  /** @param caughtUp it read only what was new, and a listing of all follows at once */
  listingEnded(now: number, isWhole: boolean, caughtUp: boolean): void {
    const { failurePolicy, maxStaleness } = this.#options
    const listing = this.#listing
    if (listing === undefined) return
    this.#listing = undefined
    this.#lastEnd = now
    this.#failures = isWhole ? 0 : this.#failures + 1
    if (isWhole) this.#lastDuration = now - listing.begunAt
    if (isWhole && caughtUp) this.#asked = true
    if (!isWhole || !listing.subscribed || failurePolicy === 'open') return
    this.knownUntil = maxStaleness === 0 ? Number.POSITIVE_INFINITY : listing.begunAt + maxStaleness
  }

  /** To be called whenever something may have happened. Returns what is wrong with the listings' pace, if anything. */
  tick(now: number): string | undefined {
    this.#trustJournal(now)
    const { hasTopic, refreshInterval } = this.#options
    if (this.#lastEnd === undefined || this.#listing !== undefined) return undefined
    const isSilent = this.#silentSince !== undefined && this.#silentSince <= this.#lastEnd
    const interval = isSilent && hasTopic ? INTERVAL_DURING_GAP : refreshInterval
    const retry = isSilent && hasTopic ? RETRY_DURING_GAP : RETRY
    const most = this.#failures > 0 ? retry : Math.max(interval, (isSilent ? 1 : DUTY) * this.#lastDuration)
    return now - this.#lastEnd > most ? `no listing for ${now - this.#lastEnd} ms` : undefined
  }

  #trustJournal(now: number): void {
    const { startupGrace, maxStaleness, hasStore } = this.#options
    if (this.knownUntil > 0 || this.#journalInSyncAt === undefined || now < this.#startedAt + startupGrace) return
    const getsOn = hasStore && now - this.#storeSilentSince(now) < startupGrace
    const until = maxStaleness === 0 ? Number.POSITIVE_INFINITY : this.#journalInSyncAt + maxStaleness
    if (!getsOn && until > now) this.knownUntil = until
  }

  /** The journal stands in for a store that failed, or was asked and says nothing. */
  #storeSilentSince(now: number): number {
    const hasFailed = this.#failures > 0
    if (this.#listing === undefined) return hasFailed ? Number.NEGATIVE_INFINITY : now
    return hasFailed && this.#listing.records === 0 ? Number.NEGATIVE_INFINITY : this.#listing.begunAt
  }
}
