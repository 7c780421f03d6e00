export { type Exchange, type ForwardFailure, forward, type UpstreamRequest } from './forward.js'
export { requestHeaders } from './headers.js'
export { type OpenKey, OpenRequests } from './open-requests.js'
