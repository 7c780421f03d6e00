export { KeyManagerEndpoints } from './key-manager.js'
export { type Listener, type ListenerLimits, type ListenerOptions, listen } from './listeners.js'
export { type ListenerRole, RequestHandler, type RequestHandlerOptions } from './request-handler.js'
export { RevokeEndpoint, type RevokeEndpointOptions, type RevokeOutcome } from './revoke-endpoint.js'
