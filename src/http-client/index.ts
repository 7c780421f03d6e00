export type { Dispatcher as HttpClient } from 'undici'
export { type Answer, basicCredentials, type Call, CallError, call, describeTarget, openCall } from './call.js'
export { createHttpClient, type HttpClientOptions, tlsOptions } from './client.js'
