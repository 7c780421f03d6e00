/** What of the demo's configuration is found out only when its parts run. Paths are relative to the file. */
export interface DemoConfig {
  /** Where the gateway listens. */
  readonly host: string
  readonly httpPort: number
  readonly httpsPort: number
  readonly tokenListenerPort: number
  readonly adminPort: number
  readonly tokenServiceUrl: string
  readonly issuer: string
  readonly brokerPort: number
  /** PEM of the token service's certificate. */
  readonly caFile: string
}

export const TOPIC = 'tokenRevocation'

/** The `micro-gw.conf` of the demo: the file that a user would write who has such a token service and broker. */
export function demoConfigFile(config: DemoConfig): string {
  const { tokenServiceUrl } = config
  return `# Written by \`mgw demo\` at each start. Copy it as a start for your own configuration.

apiDefinitions = "api_definitions"

[server]
  workers = 1
  stateDirectory = "state"

[listenerConfig]
  host = ${quoted(config.host)}
  httpPort = ${config.httpPort}
  httpsPort = ${config.httpsPort}
  tokenListenerPort = ${config.tokenListenerPort}
  # The demo's token service has a self-signed certificate.
  trustStorePath = ${quoted(config.caFile)}

[admin]
  host = "127.0.0.1"
  port = ${config.adminPort}

# Whose tokens are accepted.
[[jwtTokenConfig]]
  issuer = ${quoted(config.issuer)}
  jwksURL = ${quoted(`${tokenServiceUrl}/oauth2/jwks`)}

# Where /token and /revoke on the HTTPS listener go.
[keyManager]
  serverUrl = ${quoted(tokenServiceUrl)}
  tokenContext = "oauth2"

[keymanager.security.basic]
  enabled = true
  username = "admin"
  password = "admin"

[tokenRevocationConfig]
  [tokenRevocationConfig.realtime]
    enableRealtimeMessageRetrieval = true
    jmsConnectionTopic = "${TOPIC}"
    jmsConnectionProviderUrl = "amqp10://localhost:${config.brokerPort}"
    jmsConnectionUsername = "admin"
    jmsConnectionPassword = "admin"
  [tokenRevocationConfig.persistent]
    enablePersistentStorageRetrieval = true
    type = "default"
    endpointURL = ${quoted(`${tokenServiceUrl}/internal/data/v1`)}
    username = "admin"
    password = "admin"
    caFile = ${quoted(config.caFile)}
`
}

/** A TOML basic string: JSON's escapes are TOML's too. */
function quoted(text: string): string {
  return JSON.stringify(text)
}

/** The list of URLs of an OpenAPI definition's production endpoint, in either of YAML's styles. */
const PRODUCTION_URLS =
  /^(x-wso2-production-endpoints:[ \t]*\r?\n(?:[ \t]+.*\r?\n)*?([ \t]+)urls:)[ \t]*(?:\[[^\]]*\]|(?:\r?\n\2[ \t]*-.*)+)/m

/**
 * The text of an OpenAPI definition (YAML) with its API's production endpoint replaced, and nothing else changed:
 * comments stay. Throws an error when it has no `x-wso2-production-endpoints` with `urls` at its top level.
 */
export function withProductionEndpoint(definition: string, url: string): string {
  if (!PRODUCTION_URLS.test(definition)) {
    throw new TypeError('the petstore definition has no x-wso2-production-endpoints with urls')
  }
  return definition.replace(PRODUCTION_URLS, (_, before: string) => `${before} [${JSON.stringify(url)}]`)
}
