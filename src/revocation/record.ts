import type { MalformedReport } from '../logging/index.js'
import type { JSONValue } from './journal/notes.js'

/**
 * What a source says: a token is revoked, or everything issued to somebody before a moment is.
 * Records are facts that only ever add up; their order and their repetition mean nothing.
 */
export type RevocationRecord = TokenRevocation | RuleRevocation

/** One token, named by its `jti`, its signature segment, the whole JWT, or the whole opaque credential. */
export interface TokenRevocation {
  readonly kind: 'token'
  readonly id: string
  /** When the token itself ends (epoch ms); `undefined` when the source does not know. */
  readonly expiresAt: number | undefined
}

/** Every token of a subject, a client or a session that was issued (`iat`) before `revokedBefore`. */
export interface RuleRevocation {
  readonly kind: 'subject' | 'client' | 'session'
  readonly id: string
  /** Epoch ms. A token without `iat` counts as issued at 0. */
  readonly revokedBefore: number
  readonly expiresAt: number | undefined
}

/**
 * How a source stands.
 * - `connecting`: has not been reached yet
 * - `live`: whatever it learns from now on reaches us (realtime), or its last listing succeeded (store)
 * - `gap`: it was live, is not now, and what happens meanwhile is missed
 * - `failed`: the first, or another, attempt to reach it failed; it is being retried
 */
export type SourceStatus = 'connecting' | 'live' | 'gap' | 'failed'

/** Where a source delivers. None of the calls throws; each is safe to make from any callback. */
export interface RevocationSink {
  /** A revocation was learnt. */
  revoked(record: RevocationRecord): void
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
   * Delivers changes until `signal` aborts, reconnecting by itself; asks for `resync` when it may have missed one. Must say
   * `live` as soon as every later change reaches the sink, and no sooner: a listing that ends before closes no gap.
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
  /** The elements, of the last listing and of what a watch has delivered since, that could not be read. */
  malformed?(): MalformedReport | undefined
  /** Lets go of its connections. It is not used any more. */
  close?(): Promise<void>
}
