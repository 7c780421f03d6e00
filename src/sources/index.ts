export type { IdentityProviderSource } from './identity-provider/index.js'
export {
  brokerCertificates,
  type OpenStore,
  openPublisher,
  openStore,
  openTopic,
  sourcesIdentity,
  type TopicPublisher,
  takesRevocations,
} from './open.js'
export { openIdentityProviders } from './open-identity-providers.js'
export { chooseStore } from './persistent/index.js'
export { ProviderUrlError, readProvider } from './realtime/index.js'
export { StoreError } from './source.js'
