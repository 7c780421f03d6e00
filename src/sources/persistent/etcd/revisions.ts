/**
 * The revisions (v3) or indices (v2) that a listing and a watch of one store tell each other, so that nothing falls
 * between them.
 */
export interface Revisions {
  /** The last listing has everything up to this one. */
  listed: bigint | undefined
  /** The watch delivers what comes from this one on. */
  watched: bigint | undefined
  /** Set while a watch is live: asks for another listing. */
  missed: ((reason: string) => void) | undefined
}

const REASON = 'etcd watch started after the listing'

/** A listing begins at `revision`; if the watch began later, what came between needs another. */
export function noteListing(revisions: Revisions, revision: bigint): void {
  revisions.listed = revision
  if (revisions.watched !== undefined && revision + 1n < revisions.watched) revisions.missed?.(REASON)
}

/** A watch is live from `from` on; calls `missed`, now or later, when a listing does not reach so far. */
export function noteWatch(revisions: Revisions, from: bigint, missed: (reason: string) => void): void {
  revisions.watched = from
  revisions.missed = missed
  if (revisions.listed !== undefined && revisions.listed + 1n < from) missed(REASON)
}

/** The watch is not live any more. */
export function noteGap(revisions: Revisions): void {
  revisions.watched = undefined
  revisions.missed = undefined
}
