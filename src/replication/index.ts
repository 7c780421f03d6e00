export type { FollowerStatus } from './follower.js'
export type { PrimaryMessage, WorkerMessage } from './messages.js'
export { Publisher, type PublisherOptions } from './publisher.js'
export { Replica, type ReplicaOptions } from './replica.js'
