export { KeyManagerEndpoints } from './key-manager.js'
export { type Listener, type ListenerLimits, type ListenerOptions, listen } from './listeners.js'
export { RequestHandler, type RequestHandlerOptions } from './request-handler.js'
