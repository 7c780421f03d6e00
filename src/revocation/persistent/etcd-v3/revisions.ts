/** The revisions that a listing and a watch of one store tell each other, so that nothing falls between them. */
export interface Revisions {
  /** The last listing has everything up to this one. */
  listed: bigint | undefined
  /** The watch delivers what comes from this one on. */
  watched: bigint | undefined
  /** Set while a watch is live: asks for another listing. */
  missed: ((reason: string) => void) | undefined
}

/** A listing begins at `revision`; if the watch began later, what came between needs another. */
export function noteListing(revisions: Revisions, revision: bigint): void {
  revisions.listed = revision
  if (revisions.watched !== undefined && revision + 1n < revisions.watched) {
    revisions.missed?.('the watch of etcd began after the listing')
  }
}
