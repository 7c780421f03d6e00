import type { PendingPut } from '../journal/index.js'
import type { Logger } from '../logging/index.js'
import type { OutboxDirectory, OutboxStatus } from '../outbox/index.js'
import type { JSONValue, RevocationRecord } from '../revocation/index.js'
import type { PersistentStore, RealtimeSource } from '../sources/source.js'
import type { Clock, Standstill, TimeBounds } from '../time/index.js'
import type { LastListing } from './last-listing.js'
import type { ListingState } from './listing-progress.js'
import type { SourceState } from './source-state.js'

/** The list and the journal, as the synchronizer uses them. */
export interface RevocationTarget {
  /** Applies a record; `source` is its source's name. Must not throw, whatever the record. */
  apply(record: RevocationRecord, source: string): void
  /**
   * At `at` (epoch ms) the list held all that the sources knew. Called after each listing, and every minute while in sync.
   *
   * @param position how far the store was read, after a whole listing: see {@link PersistentStore.position}
   */
  inSync(at: number, position?: JSONValue): void
  /** The store was listed, and the list holds all of it. Not called for a listing that found no change. */
  listed?(last: LastListing): void
  /** The list holds all of the store, whatever the journal lost. Called after each whole listing that counts. */
  complete?(): void
}

export interface SynchronizerOptions {
  readonly target: RevocationTarget
  readonly realtime?: RealtimeSource
  readonly store?: PersistentStore
  /** Whether there are streams of identity providers that keep what they have not delivered: their backlog is read first. */
  readonly hasStreams?: boolean
  /** Whether protected requests are refused while the list is not known, or let through as WSO2's gateway does. */
  readonly failurePolicy: 'closed' | 'open'
  /** Milliseconds that the sources have at start before a recent journal stands in for them. */
  readonly startupGrace: number
  /** Milliseconds without a listing after which the list is no longer known; 0: no limit. */
  readonly maxStaleness: number
  /** Milliseconds between two listings of a healthy store. */
  readonly refreshInterval: number
  /** When the journal was last in sync with the sources (epoch ms), if that is recent enough to be believed. */
  readonly journalInSyncAt?: number
  /** Whether that is still recent enough when the journal is needed: the clock may have been set since. */
  readonly isJournalRecent?: () => boolean
  /** How far the store was read then: catching up starts there, and a listing follows. */
  readonly journalPosition?: JSONValue
  /** Whether a recent journal makes the list known at once, without what was revoked since. */
  readonly serveWhileListing?: boolean
  /** The last listing, from a journal that is intact and of these sources. */
  readonly lastListing?: LastListing
  /**
   * Why the journal may have lost entries; `undefined` if it has not. While it has, only a listing of the store makes the
   * list known, and without a store nothing does.
   */
  readonly journalLoss?: () => string | undefined
  /** Notices that this process stood still: then the list is not known before what came meanwhile was read. */
  readonly standstill?: Standstill
  /** Called when the topic subscription becomes live or stops being live. */
  readonly onRealtime?: (isLive: boolean) => void
  readonly logger: Logger
  readonly clock?: Clock
}

/** The state of the list and its sources. */
export interface SynchronizerState {
  readonly known: boolean
  /** Why it is known, or what it waits for, for people. */
  readonly reason: string
  readonly sources: readonly SourceState[]
  /** Epoch ms of the beginning of the last listing that succeeded. */
  readonly lastListedAt?: number
  /** Absent without a store. */
  readonly listings?: ListingState
}

/** The part of an older version's journal that keeps what the store has not taken. */
export interface PendingKeeper {
  readonly pendingPuts: readonly PendingPut[]
  putDone(put: PendingPut): void
}

export interface WriteBackOptions {
  /** The only issuer whose tokens are accepted; absent where there are several. */
  readonly onlyIssuer?: string
  readonly store: PersistentStore & Required<Pick<PersistentStore, 'put'>>
  /** Where waiting revocations are kept. Absent: in memory alone, lost with the process. */
  readonly directory?: OutboxDirectory | undefined
  /** What it still keeps for the store is carried over. */
  readonly journal?: PendingKeeper | undefined
  /** Milliseconds after which a revocation with unknown expiry is given up. */
  readonly retention: number
  /** By which tokens count as ended, and retention is counted. By default the clock. */
  readonly bounds?: () => Pick<TimeBounds, 'earliest' | 'retained'>
  readonly logger: Logger
  readonly clock?: Clock
  /** How many may wait in memory without being on disk. Default 10,000. */
  readonly capacity?: number
}

/** The outcome of a put. */
export interface PutOutcome {
  /** Resolves when the disk keeps it until the store has taken it; rejects when the disk does not. */
  readonly kept: Promise<void>
  /** Resolves when the store has taken it; rejects when it is given up. */
  readonly taken: Promise<void>
}

/** The state of the write-back, for people. */
export interface WriteBackState {
  readonly store: string
  /** Revocations that the store has not taken yet. */
  readonly waiting: number
  readonly written: number
  /** Failed attempts. */
  readonly failed: number
  /** Revocations given up: no space for them, or expired. */
  readonly dropped: number
  /** Why the last attempt failed; absent once one succeeds. */
  readonly error?: string
  /** The files of waiting revocations; absent: they wait in memory. */
  readonly outbox?: OutboxStatus & { readonly path: string }
}
