export type { FollowerStatus } from './follower.js'
export type { PrimaryMessage, WorkerMessage } from './messages.js'
export { Publisher } from './publisher.js'
export { Replica } from './replica.js'
