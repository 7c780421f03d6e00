export { type Provider, ProviderUrlError } from './provider-url/provider.js'
export { readProvider } from './provider-url/read-provider.js'
export { PROTOCOL_NAMES, type PublishOptions, publish } from './publish.js'
export { realtimeSource } from './source.js'
