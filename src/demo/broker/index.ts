export { type Broker, startBroker } from './broker.js'
export type { QueueLimits } from './subscription.js'
