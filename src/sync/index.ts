export { LAST_LISTING, lastListingNote, lastListingOf } from './last-listing.js'
export type { PutOutcome, RevocationTarget, SynchronizerState, WriteBackState } from './options.js'
export { Synchronizer } from './synchronizer.js'
export { WriteBack } from './write-back.js'
