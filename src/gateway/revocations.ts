import type { Journal, JournalStatus } from '../journal/index.js'
import type { Logger } from '../logging/index.js'
import { Publisher } from '../replication/index.js'
import {
  type Asker,
  type Entry,
  type EntryKind,
  explain,
  type ListedName,
  type ListedRecord,
  type LiveRevocations,
  listedUnder,
  type RealtimeStatus,
  type Revocation,
  type RevocationList,
  type RevocationRecord,
  sweepExpired,
  UnconfirmedRevocation,
} from '../revocation/index.js'
import type { SourceStatus } from '../sources/source.js'
import type { Synchronizer, SynchronizerState, WriteBack, WriteBackState } from '../sync/index.js'
import { type ClockCheckpoint, systemClock, type TrustedClock, within } from '../time/index.js'
import type { Fingerprinter, TokenIdentity } from '../token/index.js'
import type { LearntRevocation, RecentRevocations } from './recent-revocations.js'

/** How long a revocation through the gateway may take to become durable, ms. */
export const CONFIRMED_WITHIN = 5_000
/** The source name of revocations through the gateway itself. */
const HERE = 'gateway'

/** Told of a revocation that is new in the list, or revokes more than before; and of each that is asked for here, and by whom. */
export type Learnt = (record: RevocationRecord, source: string, asker?: Asker) => void

/** The state of the list and all that feeds it. Holds no secret. */
export interface RevocationsState extends SynchronizerState {
  readonly entries: { readonly tokens: number; readonly rules: number }
  readonly list: {
    readonly kinds: Readonly<Record<EntryKind, number>>
    readonly bytes: number
    /** Entries removed since the start because their tokens have ended, and sweeps of the whole list. */
    readonly swept: number
    readonly sweeps: number
  }
  readonly journal: JournalStatus | { readonly enabled: false }
  /** Absent if no store takes revocations. */
  readonly writeBack?: WriteBackState
}

/** The primary's revocation list with all that feeds it: sources, synchronizer, journal, write-back. See {@link openRevocations}. */
export class Revocations implements LiveRevocations {
  readonly fingerprints: Fingerprinter
  readonly #list: RevocationList
  readonly #recent: RecentRevocations
  readonly #journal: Journal | undefined
  readonly #synchronizer: Synchronizer
  readonly #realtimeStatus: RealtimeStatus
  readonly #writeBack: WriteBack | undefined
  readonly #learnt: Learnt
  readonly #release: () => Promise<unknown>
  readonly #trustedClock: TrustedClock
  readonly #checkpoint: ClockCheckpoint
  #stopSweeping = () => {}
  #swept = 0
  #sweeps = 0

  constructor(parts: {
    list: RevocationList
    recent: RecentRevocations
    fingerprints: Fingerprinter
    journal: Journal | undefined
    synchronizer: Synchronizer
    realtimeStatus: RealtimeStatus
    writeBack: WriteBack | undefined
    trustedClock: TrustedClock
    learnt: Learnt
    checkpoint: ClockCheckpoint
    release: () => Promise<unknown>
  }) {
    this.fingerprints = parts.fingerprints
    this.#list = parts.list
    this.#recent = parts.recent
    this.#journal = parts.journal
    this.#synchronizer = parts.synchronizer
    this.#realtimeStatus = parts.realtimeStatus
    this.#writeBack = parts.writeBack
    this.#trustedClock = parts.trustedClock
    this.#learnt = parts.learnt
    this.#checkpoint = parts.checkpoint
    this.#release = parts.release
  }

  get isKnown(): boolean {
    return this.#synchronizer.knownStatus.isKnown
  }

  onUnknown(listener: () => void): void {
    this.#synchronizer.knownStatus.onUnknown(listener)
  }

  get endedBefore(): number {
    return this.#checkpoint.endedBefore
  }

  get droppedBefore(): number {
    return this.#checkpoint.droppedBefore
  }

  /** The current time or later, as far as known (epoch ms). */
  get notBefore(): number {
    return this.#trustedClock.notBefore
  }

  /** See {@link TrustedClock.issuersNow}. */
  issuersNow(servers: readonly (string | undefined)[], skew: number): number {
    return this.#trustedClock.issuersNow(servers, skew)
  }

  witness(server: string, date: number): void {
    this.#trustedClock.witness(server, date)
  }

  find(token: TokenIdentity): Revocation | undefined {
    return this.#list.find(token)
  }

  /** All names under which a token is looked up, and what is listed there. */
  explain(token: TokenIdentity): ListedName[] {
    return explain(this.#list, token)
  }

  /** What is listed under the name of a record. */
  listedUnder(record: RevocationRecord): ListedRecord[] {
    return listedUnder(this.#list, record)
  }

  refused(token: TokenIdentity, now: number): void {
    this.#list.touch(token, now)
  }

  /** Calls `listener`, synchronously, with each entry that is new or revokes more than before. */
  onChange(listener: (entry: Entry) => void): () => void {
    return this.#list.onChange(listener)
  }

  onRealtime(listener: (isLive: boolean) => void): void {
    this.#realtimeStatus.onChange(listener)
  }

  /**
   * Revokes through this gateway itself. Resolves when the list has it and it is durable: on disk (in the journal, and in the
   * outbox for the store), or taken by the store. Rejects with {@link UnconfirmedRevocation} when it cannot be made durable
   * within 5 s; the attempts go on. With the journal off and no store that takes revocations, the list is enough.
   *
   * @param record `undefined` waits for all earlier ones to be durable
   * @param source the name of the source that it comes from
   */
  async revokeHere(record: RevocationRecord | undefined, asker?: Asker, source = HERE): Promise<void> {
    if (record !== undefined) {
      const isNew = this.#recent.add(record, source, Date.now()) > 0
      if (isNew || asker !== undefined) this.#learnt(record, source, asker)
    }
    const storable = record && this.#writeBack?.storable(record)
    const put = record === undefined ? this.#writeBack?.all() : storable && this.#writeBack?.put(storable)
    const disk = this.#journal && Promise.all([this.#journal.flush(), put?.kept])
    const ways = [disk, put?.taken].filter((way) => way !== undefined)
    if (ways.length === 0) {
      if (record === undefined || this.#writeBack === undefined) return
      throw notDurable(new Error('the store cannot keep it, and the journal is off'))
    }
    const late = () => new Error(`not durable within ${CONFIRMED_WITHIN} ms`)
    try {
      await within<unknown>(CONFIRMED_WITHIN, Promise.any(ways), late)
    } catch (error) {
      throw notDurable(error)
    }
  }

  start(): void {
    this.#synchronizer.start()
    this.#writeBack?.start()
    this.#checkpoint.start()
    this.#stopSweeping = sweepExpired(
      () => this.#list,
      () => this.#checkpoint.sweepBounds(),
      systemClock,
      (removed, finished) => {
        this.#swept += removed
        if (finished) this.#sweeps++
      },
    )
  }

  /** See `Synchronizer.streamsChanged`. */
  streamsChanged(status: SourceStatus): void {
    this.#synchronizer.streamsChanged(status)
  }

  known(): Promise<void> {
    return this.#synchronizer.known()
  }

  /** Keeps the workers' replicas equal to this list, until it is closed. */
  publisher(logger: Logger): Publisher {
    const publisher = new Publisher({
      list: this.#list,
      seed: this.fingerprints.seed,
      remaining: () => this.#synchronizer.knownUntil - performance.now(),
      realtimeStatus: this.#realtimeStatus,
      bounds: () => this.#checkpoint.sweepBounds(),
      witness: (server, date) => this.witness(server, date),
      logger,
    })
    void this.known().then(() => publisher.heartbeat())
    return publisher
  }

  state(): RevocationsState {
    return {
      ...this.#synchronizer.state(),
      entries: this.#list.size,
      list: { kinds: this.#list.kinds, bytes: this.#list.bytes, swept: this.#swept, sweeps: this.#sweeps },
      journal: this.#journal?.status() ?? { enabled: false },
      ...(this.#writeBack === undefined ? {} : { writeBack: this.#writeBack.state() }),
    }
  }

  /** The revocations that were learnt last, the newest first. */
  get recent(): readonly LearntRevocation[] {
    return this.#recent.all
  }

  /** How long the topic's revocations took to arrive; `undefined` if there is no topic. */
  get realtimeLag(): Synchronizer['realtimeLag'] {
    return this.#synchronizer.realtimeLag
  }

  /** Stops the sources and writes what the journal has not written yet. */
  async close(): Promise<void> {
    this.#stopSweeping()
    this.#checkpoint.stop()
    await this.#synchronizer.stop()
    await this.#writeBack?.stop()
    await this.#journal?.close()
    await this.#release()
  }
}

function notDurable(error: unknown): UnconfirmedRevocation {
  const cause = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error
  return new UnconfirmedRevocation('ERR_REVOCATION_NOT_DURABLE', 'the revocation is not durable', { cause })
}
