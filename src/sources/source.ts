import type { JSONValue, RevocationRecord } from '../revocation/index.js'

/**
 * The status of a source.
 * - `connecting`: has not been reached yet
 * - `live`: whatever it learns from now on reaches us (realtime), or its last listing succeeded (store)
 * - `gap`: it was live, is not now, and what happens meanwhile is missed
 * - `failed`: the first, or another, attempt to reach it failed; it is being retried
 */
export type SourceStatus = 'connecting' | 'live' | 'gap' | 'failed'

/** Where a source delivers. None of the calls throws; each is safe to make from any callback. */
export interface RevocationSink {
  /**
   * A revocation was learnt.
   *
   * @param publishedAt epoch ms, if that is known
   */
  revoked(record: RevocationRecord, publishedAt?: number): void
  /** The source's status changed. `detail` is for people: it names the cause and never holds a secret. */
  state(status: SourceStatus, detail?: string): void
  /** The source says, or suspects, that something was missed: list the stores again. */
  resync(reason: string): void
  /**
   * Resolves when all that was delivered so far is in the journal; rejects when it can't be brought there now. Absent:
   * there is no journal, and nothing to wait for.
   */
  stored?(): Promise<void>
}

/** What a source of many said that could not be read. It names places and reasons, never what stood there. */
export interface MalformedReport {
  /** How many elements, by reason. */
  readonly malformed: Readonly<Record<string, number>>
  /** Where the first one of a reason is, where elements have a place: `revokedJWTList[17]`. */
  readonly malformedAt?: Readonly<Record<string, string>>
}

/** A stream of revocations from a broker's topic. */
export interface RealtimeSource {
  readonly name: string
  /**
   * Connects, subscribes and delivers until `signal` aborts; then closes and resolves.
   * Reconnects by itself, with back-off and jitter, and never rejects for what the network or the broker does.
   */
  run(sink: RevocationSink, signal: AbortSignal): Promise<void>
  /** The messages that could not be read. */
  malformed?(): MalformedReport | undefined
}

/** What a listing is told of an earlier one, and tells the next. */
export interface ListingContext {
  /** The mark of a listing of which every record was taken in: a store that holds the same now need not list it again. */
  readonly since?: string
  /** Called with how many records there are, as soon as that is known: for people who wait. */
  expects?(records: number): void
  /** Called by a listing that ends without a record because nothing has changed since. */
  unchanged(): void
  /** Called with the mark of this listing, after its last record was taken in. */
  mark(mark: string): void
}

/** A place that keeps revocations across restarts. */
export interface PersistentStore {
  readonly name: string
  /**
   * Everything that the store holds at some moment after the call; nothing, if that is what it held at `context.since`.
   * Throws when it could not be read whole.
   */
  list(signal: AbortSignal, context?: ListingContext): AsyncIterable<RevocationRecord>
  /**
   * Delivers changes until `signal` aborts, reconnecting by itself. Must say `live` as soon as every later change reaches
   * the sink, and no sooner: a listing that ends before closes no gap. The store is listed after each `gap`, and when the
   * watch is live again; it asks for `resync` for what else it may have missed, as between the first listing and `live`.
   */
  watch?(sink: RevocationSink, signal: AbortSignal): Promise<void>
  /**
   * How far the last listing that was read to its end has come: JSON, without secrets. `undefined` where that can't be told.
   * It is kept, together with the list of that moment, for {@link catchUp} after a restart.
   */
  position?(): JSONValue | undefined
  /**
   * What, together with the list of the moment of `position`, makes all that the store holds at some moment after the call;
   * there may be more. Throws `PositionLost` where that can't be told, and else as {@link list} does.
   *
   * @param heard to be called whenever the store has answered: mostly there is nothing new in that
   */
  catchUp?(position: JSONValue, heard: () => void, signal: AbortSignal): AsyncIterable<RevocationRecord>
  /** Keeps a revocation so that other gateways learn of it. Resolves when the store has it. */
  put?(record: RevocationRecord): Promise<void>
  /** Whether `put` can keep a record of this kind; absent: all. */
  takes?(record: RevocationRecord): boolean
  /** The elements, of the last listing and of what a watch has delivered since, that could not be read. */
  malformed?(): MalformedReport | undefined
  /** Closes its connections. It is not used afterwards. */
  close?(): Promise<void>
}

/**
 * Why a store could not do what it was asked.
 * - `ERR_STORE_UNREACHABLE`: no answer, or none that came whole: refused, cut, too slow, too long
 * - `ERR_STORE_CREDENTIALS`: it refuses the credentials, or they may not read what they should
 * - `ERR_STORE_STATUS`: it answered with an error of its own
 * - `ERR_STORE_ANSWER`: its answer has none of the documented shapes
 * - `ERR_STORE_CONFIG`: its configuration can't mean any store
 * - `ERR_STORE_MODULE`: a custom store module is missing, throws or has the wrong shape
 */
export type StoreErrorCode =
  | 'ERR_STORE_UNREACHABLE'
  | 'ERR_STORE_CREDENTIALS'
  | 'ERR_STORE_STATUS'
  | 'ERR_STORE_ANSWER'
  | 'ERR_STORE_CONFIG'
  | 'ERR_STORE_MODULE'

/** A store's failure. Its message names hosts, files and statuses, never credentials, ids or what an answer held. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
/** What a store held at a position that it was given can't be told from what it holds now: only a listing tells. */
export class PositionLost extends Error {
  override readonly name = 'PositionLost'
  readonly code = 'ERR_STORE_POSITION_LOST'
}
