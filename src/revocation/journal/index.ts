export { Journal, type JournalStatus } from './journal.js'
export { JournalLocked } from './lock.js'
export { type OpenedJournal, openJournal } from './open.js'
export { MAX_PENDING, type PendingPut } from './pending.js'
