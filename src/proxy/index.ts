export { AddressList, announceClient, clientAddress, peerAddress } from './client-address.js'
export {
  closeAfterResponse,
  currentResponse,
  destroyAfterLinger,
  hasHadLastRequest,
  ignoreError,
  isBodyPending,
  markLastRequest,
  reset,
  writeResponse,
} from './client-connection.js'
export { ClientStream, type RequestHead } from './client-stream.js'
export { EndpointGroup } from './endpoints/endpoint-group.js'
export {
  DEFAULT_ENDPOINT_RULES,
  type EndpointChange,
  type EndpointRules,
  type EndpointStatus,
} from './endpoints/options.js'
export { Forwarding } from './forwarding.js'
export { hasHeader, responseHeaders } from './headers.js'
export { type ForwardOptions, forward } from './http/forward.js'
export { Http1Stream } from './http/http1-stream.js'
export { Http2Stream } from './http/http2-stream.js'
export { OpenRequests } from './open-requests.js'
export type {
  Transfer,
  TransferHooks,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamTarget,
  UpstreamTries,
} from './transfer.js'
export {
  forwardWebSocket,
  isWebSocketUpgrade,
  type WebSocketOptions,
  type WebSocketTransfer,
} from './websocket/forward.js'
export { answerWhole } from './whole-answer.js'
