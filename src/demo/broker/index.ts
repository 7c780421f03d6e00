export { type Broker, type BrokerOptions, QUEUE_LIMITS, startBroker } from './broker.js'
export type { MessageBody, MessageProperties } from './message-bytes.js'
export type { QueueLimits } from './subscription.js'
