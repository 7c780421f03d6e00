export { LAST_LISTING, lastListingNote, lastListingOf } from './last-listing.js'
export { Synchronizer, type SynchronizerState } from './synchronizer.js'
export { WriteBack, type WriteBackState } from './write-back.js'
