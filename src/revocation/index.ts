export { type Announcement, announce } from './announce.js'
export { acceptDamagedJournal, type InspectedJournal, inspectJournal } from './inspect-journal.js'
export type { LiveRevocations } from './lookup.js'
export type { RevocationRecord } from './record.js'
export {
  type FollowerStatus,
  type PrimaryMessage,
  type Publisher,
  Replica,
  type WorkerMessage,
} from './replication/index.js'
export { type Revocable, revocable } from './revocable.js'
export { openRevocations, Revocations, type RevocationsState } from './revocations.js'
export type { TokenIdentity } from './token-id.js'
export { type UnconfirmedCode, UnconfirmedRevocation } from './unconfirmed.js'
