import type { EntryBlock } from '../revocation/index.js'
import type { Moments } from '../time/index.js'
import type { TokenIdentity } from '../token/index.js'

/**
 * What the primary tells a worker, over a channel that keeps the order and loses nothing while both live.
 * `n` counts the messages to this worker from 1; the worker acknowledges the last one that it has applied.
 *
 * A snapshot is `begin`, `block`s, `end`. Deltas come between them and after: both only add up, so that whatever their
 * order the replica holds at `end` all that the primary's list held at its `sequence`, and after a delta what it held then.
 */
export type PrimaryMessage = { readonly n: number } & PrimaryWord

export type PrimaryWord =
  /** A snapshot begins. What is known stays: nothing but time takes an entry off a list. */
  | { readonly type: 'begin'; readonly seed: Uint8Array }
  /** The names of the sources, in the order of the numbers that entries give them by. */
  | { readonly type: 'sources'; readonly names: readonly string[] }
  | { readonly type: 'block'; readonly block: EntryBlock }
  | ({ readonly type: 'end'; readonly sequence: number } & Lease)
  | { readonly type: 'delta'; readonly sequence: number; readonly blocks: readonly EntryBlock[] }
  /** Revocations come at once, or they do not: said whenever that changes, and before a snapshot's `end`. */
  | { readonly type: 'realtime'; readonly isLive: boolean }
  /** The primary lives. */
  | ({ readonly type: 'alive' } & Lease)
  /** Deltas after this are left out until the next snapshot ends: the replica must not be asked. */
  | { readonly type: 'stale' }

/** What the replica may be trusted by, and until when. */
export interface Lease {
  /** Until when the primary's own list is known, unless something renews that; 0 if it is not. */
  readonly knownUntil: number
  /** When this was said. Both are milliseconds of the machine's monotonic clock, which all processes share. */
  readonly saidAt: number
  /** By which the list is swept, and tokens have ended. */
  readonly moments: Moments
}

/** What a worker tells the primary. */
export type WorkerMessage =
  | { readonly type: 'hello' }
  | { readonly type: 'ack'; readonly n: number; readonly sequence: number }
  /** Tokens that were refused, so that what revokes them is kept for as long as they are presented. */
  | { readonly type: 'refused'; readonly tokens: readonly TokenIdentity[] }
  /** A server said what time it is: `ahead` (ms) of the monotonic clock. */
  | { readonly type: 'date'; readonly server: string; readonly ahead: number }

/** A worker that has heard nothing for so long (ms) does not guess. */
export const LEASE = 5_000

/** Milliseconds of the machine's monotonic clock: comparable between processes, and no leap of the date moves it. */
export function monotonic(): number {
  return BEGINNING + performance.now()
}

/**
 * What is to be added to `performance.now()` for it. A process that is held up between its looks at the two would be late
 * by as long, ever after, and serve when its primary takes the lease for over: of several looks the fastest counts.
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
