import type { TopicUrl } from '../gateway/source-urls.js'

/** The environment variable that the first configuration has the broker's password from. */
export const BROKER_PASSWORD = 'MGW_BROKER_PASSWORD'

/** What the first configuration of a user is made of. */
export interface FirstSetup {
  readonly upstream: URL
  readonly issuer: string
  readonly jwksUrl: string
  readonly topic: TopicUrl | undefined
  readonly storeUrl: string | undefined
}

/** A commented `micro-gw.conf` for one issuer, one topic and one etcd. */
export function firstConfigFile({ issuer, jwksUrl, topic, storeUrl }: FirstSetup): string {
  return `# Written by "mgw init". docs/configuration.md has every key; conf/micro-gw.conf shows all of them with their defaults.
# A password is better kept out of this file: "$env{NAME}" stands for an environment variable.

apiDefinitions = "api_definitions"

[listenerConfig]
  host = "0.0.0.0"
  httpPort = 9090
  httpsPort = 9095
  # Without a certificate of your own, a self-signed one for localhost is made.
  #certFile = "tls.crt"
  #keyFile = "tls.key"
  # Authorities that the system does not know, of the issuer's and the API's certificates: a PEM file.
  #trustStorePath = "ca.pem"

[admin]
  # /live, /ready, /status and /metrics.
  host = "127.0.0.1"
  port = 9797
  # For POST /revocations and "mgw explain".
  #token = "$env{MGW_ADMIN_TOKEN}"

# Whose tokens are accepted.
[[jwtTokenConfig]]
  issuer = ${quoted(issuer)}
  # Where its public keys are.
  jwksURL = ${quoted(jwksUrl)}
  # What a token's "aud" must hold; empty: not checked.
  #audience = "http://org.wso2.apimgt/gateway"

${topicSection(topic)}
${storeSection(storeUrl)}`
}

function topicSection(topic: TopicUrl | undefined): string {
  const isNamed = topic !== undefined && topic.username !== ''
  return `# Revocations as they happen, from a topic.
[tokenRevocationConfig.realtime]
  enableRealtimeMessageRetrieval = ${topic !== undefined}
  jmsConnectionTopic = "tokenRevocation"
  ${topic === undefined ? '#' : ''}jmsConnectionProviderUrl = ${quoted(topic?.url ?? 'tcp://localhost:61616')}
  ${isNamed ? '' : '#'}jmsConnectionUsername = ${quoted(isNamed ? topic.username : 'admin')}
  ${isNamed ? '' : '#'}jmsConnectionPassword = "$env{${BROKER_PASSWORD}}"
`
}

function storeSection(url: string | undefined): string {
  return `# Revocations that were published while the gateway, or the broker, was down.
[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = ${url !== undefined}
  type = "etcd"
  ${url === undefined ? '#' : ''}endpointURL = ${quoted(url ?? 'http://localhost:2379/v3/keys/jti/')}
  #username = "root"
  #password = "$env{MGW_ETCD_PASSWORD}"
`
}

/** An API of all paths below one, whose requests need a token. */
export function exampleDefinition({ upstream }: FirstSetup): string {
  return `# Written by "mgw init". Replace it by your API's own OpenAPI file, or edit it: docs/definitions.md.
openapi: 3.0.3
info:
  title: First API
  version: 1.0.0
x-wso2-basePath: /first/v1
x-wso2-production-endpoints:
  urls: [${quoted(upstream.href.replace(/\/$/, ''))}]
paths:
  # All paths below /first/v1.
  /*:
${['get', 'post', 'put', 'patch', 'delete'].map(operation).join('')}components:
  securitySchemes:
    default:
      type: http
      scheme: bearer
      bearerFormat: JWT
security:
  - default: []
`
}

function operation(method: string): string {
  return `    ${method}:
      responses:
        default:
          description: What the API answers.
`
}

/** A string of TOML or YAML: JSON's escapes are theirs, too. */
function quoted(text: string): string {
  return JSON.stringify(text)
}
