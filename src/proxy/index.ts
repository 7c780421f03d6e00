export { closeBehind, destroyLater, isBodyPending, responseUnderWay, takeNoMore, takesNoMore } from './closing.js'
export { EndpointTurns } from './endpoints.js'
export {
  type Exchange,
  type ForwardFailure,
  type ForwardHooks,
  forward,
  type UpstreamRequest,
  type UpstreamTarget,
} from './forward.js'
export { hasHeader, requestHeaders, responseHeaders } from './headers.js'
export { type OpenKey, OpenRequests } from './open-requests.js'
export type { BodyPace } from './request-body.js'
export {
  isWebSocketUpgrade,
  proxyUpgrade,
  type UpgradedExchange,
  type UpgradeFailure,
  type UpgradeHooks,
  type UpgradeOptions,
  type UpgradeUpstream,
} from './upgrade.js'
export { writeResponse } from './upgrade-sockets.js'
