export type { Dispatcher as HttpClient } from 'undici'
export { type Answer, basicCredentials, type Call, CallError, call, openCall } from './call.js'
export {
  connectionCounts,
  createHttpClient,
  type HttpClientOptions,
  sharedTls,
} from './client.js'
export { type ObservedServers, observeDates, observeServers, type Witness } from './dates.js'
export { sharedLookup } from './lookup.js'
