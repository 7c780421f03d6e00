import type { EntryBlock } from '../revocation/index.js'
import type { SweepBounds } from '../time/index.js'
import type { ClaimSet, Fingerprint, TokenIdentity } from '../token/index.js'

/**
 * A message of the primary to a worker, over a channel that keeps the order and loses nothing while both live.
 * `n` counts the messages to this worker from 1; the worker acknowledges the last one that it has applied.
 *
 * A snapshot is `begin`, `block`s, `end`. Deltas arrive between and after them. Both only add up, so the replica holds at
 * `end` all that the primary's list held at that `sequence`, and after a delta all it held at the delta's.
 */
export type PrimaryMessage = { readonly n: number } & PrimaryWord

export type PrimaryWord =
  /** A snapshot begins. The replica keeps its entries: only time removes an entry. */
  | { readonly type: 'begin'; readonly seed: Uint8Array }
  /** The names of the sources, in the order of their numbers in entries, and the sets of claims that rules name. */
  | { readonly type: 'names'; readonly sources: readonly string[]; readonly claimSets: readonly ClaimSet[] }
  | { readonly type: 'block'; readonly block: EntryBlock }
  | ({ readonly type: 'end'; readonly sequence: number } & Lease)
  | { readonly type: 'delta'; readonly sequence: number; readonly blocks: readonly EntryBlock[] }
  /** Whether the topic subscription is live: sent when that changes, and before a snapshot's `end`. */
  | { readonly type: 'realtime'; readonly isLive: boolean }
  /** A new lease. */
  | ({ readonly type: 'alive' } & Lease)
  /** No deltas follow until the next snapshot ends: the replica must not be used meanwhile. */
  | { readonly type: 'stale' }

/** Until when the replica may be used. */
export interface Lease {
  /** Until when the primary's own list is known, unless renewed; 0 if it is not known. */
  readonly knownUntil: number
  /** When this was sent. Both are milliseconds of the machine's monotonic clock, which all processes share. */
  readonly saidAt: number
  /** The times by which the list is swept, and before which tokens have ended. */
  readonly bounds: SweepBounds
}

/** A token's identity without its claims: these are hashed. */
export interface RefusedToken extends Omit<TokenIdentity, 'claims'> {
  readonly claims: readonly Fingerprint[]
}

/** A message of a worker to the primary. */
export type WorkerMessage =
  /** The first message: the version of the worker's mgw. */
  | { readonly type: 'hello'; readonly version: string }
  | { readonly type: 'ack'; readonly n: number; readonly sequence: number }
  /** Refused tokens, so that their revocations are kept for as long as they are presented. */
  | { readonly type: 'refused'; readonly tokens: readonly RefusedToken[] }
  /** A server's `Date`, as an offset (ms) from the monotonic clock. */
  | { readonly type: 'date'; readonly server: string; readonly ahead: number }

/** A worker that has heard nothing from the primary for so long (ms) stops serving. */
export const LEASE = 5_000

/** Milliseconds of the machine's monotonic clock: comparable between processes; clock changes do not move it. */
export function monotonic(): number {
  return BEGINNING + performance.now()
}

/**
 * The offset from `performance.now()` to it. A process that is suspended between reading the two would be late by that time
 * ever after, and serve when its primary considers the lease over: so the fastest of ten readings counts.
 */
export function monotonicBeginning(
  machine = () => Number(process.hrtime.bigint()) / 1e6,
  own = () => performance.now(),
): number {
  let fastest = Number.POSITIVE_INFINITY
  let found = 0
  for (let looks = 0; looks < 10; looks++) {
    const before = own()
    const at = machine()
    const took = own() - before
    if (took >= fastest) continue
    fastest = took
    found = at - before - took / 2
  }
  return found
}

const BEGINNING = monotonicBeginning()
