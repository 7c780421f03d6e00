export { answerWhole } from '../proxy/index.js'
export { peerOf } from './client-network.js'
export { NoticeEndpoints } from './identity-provider/notice-endpoints.js'
export { KeyManagerEndpoints } from './key-manager/endpoints.js'
export { RevokeEndpoint } from './key-manager/revoke-endpoint.js'
export { Connections } from './listeners/connections.js'
export {
  type Listener,
  type ListenerLimits,
  type ListenerTls,
  listen,
} from './listeners/listener.js'
export { ProxyProtocol } from './listeners/proxy-protocol.js'
export { readSmallBody, type SmallBodyFailure } from './listeners/small-body.js'
export { AccessLog } from './log/access-log.js'
export { redactTarget } from './log/redact.js'
export { reportTurnedAway } from './log/report-turned-away.js'
export type { ObservedRequest, Outcome, RequestObserver } from './log/request-observer.js'
export type { ListenerRole } from './pipeline/exchange-context.js'
export { findOperation, NO_ENDPOINT } from './pipeline/find-operation.js'
export { LoadShedding } from './pipeline/load-shedding.js'
export { RequestHandler } from './pipeline/request-handler.js'
export { LIST_NOT_KNOWN } from './pipeline/revocation-gate.js'
export type { EndpointDefaults } from './pipeline/upstream-plans.js'
export { OpenWebSockets } from './pipeline/websocket-exchange.js'
