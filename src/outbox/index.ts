export { OutboxDirectory } from './directory.js'
export { Outbox, type OutboxStatus } from './outbox.js'
export { StorePut } from './store-put.js'
