export { OpenWireError, type OpenWireErrorCode } from './error.js'
export {
  DEFAULT_CONNECT_TIMEOUT,
  DEFAULT_HEARTBEAT,
  DEFAULT_MAX_FRAME_SIZE,
  type OpenWireBroker,
  type OpenWireSourceOptions,
  openWireSource,
} from './source.js'
export { type DurableSubscription, subscribeTopic, type TopicOptions } from './subscription.js'
