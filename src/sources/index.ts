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
