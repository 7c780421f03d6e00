export type { LiveRevocations } from './lookup.js'
export type { RevocationRecord } from './record.js'
export {
  type FollowerStatus,
  type PrimaryMessage,
  type Publisher,
  Replica,
  type WorkerMessage,
} from './replication/index.js'
export { openRevocations, Revocations, type RevocationsState } from './revocations.js'
export type { TokenIdentity } from './token-id.js'
