export type { Dispatcher as HttpClient } from 'undici'
export { type Answer, basicCredentials, type Call, CallError, call, openCall } from './call.js'
export {
  CONNECT_TIMEOUT,
  createHttpClient,
  type HttpClientOptions,
  RESPONSE_TIMEOUT,
  sharedTls,
} from './client.js'
export { observeDates, type Witness } from './dates.js'
