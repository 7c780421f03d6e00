export {
  closeAfterResponse,
  currentResponse,
  destroyAfterLinger,
  hasHadLastRequest,
  isBodyPending,
  markLastRequest,
  writeResponse,
} from './client-connection.js'
export { hasHeader, requestHeaders, responseHeaders } from './headers.js'
export { type ForwardOptions, forward } from './http/forward.js'
export { OpenRequests } from './open-requests.js'
export { RoundRobin } from './round-robin.js'
export type { Transfer, TransferHooks, UpstreamFailure, UpstreamRequest, UpstreamTarget } from './transfer.js'
export {
  forwardWebSocket,
  isWebSocketUpgrade,
  type WebSocketOptions,
  type WebSocketTransfer,
} from './websocket/forward.js'
