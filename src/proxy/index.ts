export { EndpointOrder } from './endpoints.js'
export { type Exchange, type ForwardFailure, forward, type UpstreamRequest, type UpstreamTarget } from './forward.js'
export { requestHeaders, responseHeaders } from './headers.js'
export { type OpenKey, OpenRequests } from './open-requests.js'
