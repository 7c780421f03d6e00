export { OutboxDirectory } from './directory.js'
export { Outbox, type OutboxStatus } from './outbox.js'
export { Unsent } from './unsent.js'
