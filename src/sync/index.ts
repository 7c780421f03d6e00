export { LAST_LISTING, lastListingNote, lastListingOf } from './last-listing.js'
export type { RevocationTarget, SynchronizerState, WriteBackState } from './options.js'
export { Synchronizer } from './synchronizer.js'
export { storable, WriteBack } from './write-back.js'
