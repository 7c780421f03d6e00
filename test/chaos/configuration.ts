import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface GatewaySettings {
  /** Where it listens. Fixed, so that workers that are replaced find them again. */
  readonly ports: Readonly<Record<'http' | 'https' | 'token' | 'admin', number>>
  /** Where the files go. */
  readonly directory: string
  /** Issuer, key set, key manager and upstream. */
  readonly origin: string
  readonly brokerPort: number
  readonly etcdPort: number
  readonly topic: string
  readonly journal: boolean
  /** Not in the state directory: its disk may be full or read-only from the start. */
  readonly journalFile: string
  readonly adminToken: string
  /** Milliseconds. */
  readonly grace: number
  readonly stopTimeout: number
  readonly workers: number
}

/** Writes a gateway's configuration and its API; returns the configuration's file. */
export function writeConfiguration(settings: GatewaySettings): string {
  const { directory, origin, topic, ports } = settings
  mkdirSync(join(directory, 'api_definitions'), { recursive: true })
  const get = '{ get: { responses: { default: { description: any } } } }'
  writeFileSync(
    join(directory, 'api_definitions', 'things.yaml'),
    `openapi: 3.0.3
info: { title: Things, version: 1.0.0 }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: [${JSON.stringify(origin)}] }
paths:
  /thing: ${get}
  /stream: ${get}
  /socket: ${get}
`,
  )
  const file = join(directory, 'micro-gw.conf')
  writeFileSync(
    file,
    `[server]
  workers = ${settings.workers}
  stopTimeout = ${settings.stopTimeout}
[listenerConfig]
  host = "127.0.0.1"
  httpPort = ${ports.http}
  httpsPort = ${ports.https}
  tokenListenerPort = ${ports.token}
[admin]
  port = ${ports.admin}
  token = "${settings.adminToken}"
[keyManager]
  serverUrl = "${origin}"
  tokenContext = "oauth2"
[[jwtTokenConfig]]
  issuer = "${origin}"
  jwksURL = "${origin}/jwks"
[tokenRevocationConfig]
  startupGrace = ${settings.grace}
  [tokenRevocationConfig.realtime]
    enableRealtimeMessageRetrieval = true
    jmsConnectionTopic = "${topic}"
    jmsConnectionProviderUrl = "amqp10://127.0.0.1:${settings.brokerPort}"
    jmsConnectionUsername = "admin"
    jmsConnectionPassword = "admin"
  [tokenRevocationConfig.persistent]
    enablePersistentStorageRetrieval = true
    type = "etcd"
    endpointURL = "http://127.0.0.1:${settings.etcdPort}/v3/keys/jti/"
  [tokenRevocationConfig.journal]
    enable = ${settings.journal}
    path = "${settings.journalFile}"
`,
  )
  return file
}
