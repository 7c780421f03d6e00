import { isTree, type Tree } from '../reading/tree.js'
import type { ConfigWarning } from './error.js'

/** A key or a whole section of WSO2's file that this gateway reads over. */
export interface IgnoredKey {
  /** Names separated by dots; a list's tables count as the list. */
  readonly path: string
  readonly why: string
  /** Values that change nothing here, so that nothing need be said. */
  readonly harmless?: readonly unknown[]
}

/** Known and harmless: what stands here is never an error, and at most one warning a section. */
export const ignoredKeys: readonly IgnoredKey[] = [
  { path: 'analytics', why: 'no analytics are published' },
  { path: 'throttlingConfig', why: 'requests are not throttled' },
  { path: 'validationConfig', why: 'requests and responses are not validated' },
  { path: 'jwtGeneratorConfig', why: 'no JWT is made for upstreams' },
  { path: 'basicAuthConfig', why: 'there is no Basic authentication of clients' },
  { path: 'apikey', why: 'there are no API keys' },
  { path: 'filters', why: 'the steps of a request are fixed' },
  { path: 'b7a', why: 'Ballerina’s own settings have no meaning here' },
  { path: 'apim.credentials', why: 'the API Manager is not called with them' },
  { path: 'apim.eventHub.listOfTenants', why: 'there are no tenants' },
  { path: 'apim.eventHub.xWSO2Tenant', why: 'there are no tenants' },
  { path: 'http2', why: 'clients are served by HTTP/1.1' },
  { path: 'keyManager.issuer', why: 'issuers are named in [[jwtTokenConfig]]', harmless: [''] },
  { path: 'keyManager.external', why: 'every key manager is external', harmless: [false] },
  { path: 'keyManager.jwksURL', why: 'key sets are named in [[jwtTokenConfig]]', harmless: [''] },
  { path: 'keyManager.remoteUserClaimRetrievalEnabled', why: 'no claims are fetched for upstreams', harmless: [false] },
  {
    path: 'jwtTokenConfig.remoteUserClaimRetrievalEnabled',
    why: 'no claims are fetched for upstreams',
    harmless: [false],
  },
  {
    path: 'jwtTokenConfig.claimMapperClassName',
    why: 'Java classes can’t be loaded; claims are mapped by [[jwtTokenConfig.claims]]',
    harmless: ['', 'org.wso2.micro.gateway.jwtTransformer.DefaultJwtTransformer'],
  },
  { path: 'jwtTokenConfig.trustStore', why: 'listenerConfig.trustStorePath is used' },
  { path: 'mutualSSLConfig.protocolName', why: 'it is always TLS', harmless: ['TLS'] },
  { path: 'mutualSSLConfig.ciphers', why: 'Node’s cipher suites are used' },
  { path: 'mutualSSLConfig.certificateHeaderName', why: 'no certificate is taken from a header' },
  { path: 'mutualSSLConfig.isClientCertificateValidationEnabled', why: 'no certificate is taken from a header' },
  { path: 'mutualSSLConfig.api', why: 'an API’s client certificates can’t be listed' },
  { path: 'httpClients.sslConfig.protocolName', why: 'it is always TLS', harmless: ['TLS'] },
  { path: 'httpClients.sslConfig.protocolVersions', why: 'TLS 1.2 and 1.3 are offered' },
  { path: 'httpClients.sslConfig.ciphers', why: 'Node’s cipher suites are used' },
  { path: 'httpClients.enableHttp2', why: 'upstreams are reached by HTTP/1.1', harmless: [false] },
  { path: 'httpClients.poolConfig.maxActiveStreamsPerConnection', why: 'upstreams are reached by HTTP/1.1' },
  { path: 'httpClients.poolConfig.maxIdleConnections', why: 'idle connections are closed by age, not by number' },
  {
    path: 'httpClients.poolConfig.waitTimeInMillis',
    why: 'a request waits for its connection as long as its client does',
  },
  { path: 'httpClients.responseLimits', why: 'responses are streamed, and their headers have at most 16 KiB' },
  { path: 'tokenRevocationConfig.enabledTokenRevocation', why: 'each source is enabled by itself' },
]

/** Takes the ignored keys out of `tree`, and says what was read over. */
export function dropIgnored(tree: Tree, warnings: ConfigWarning[]): void {
  const said = new Map<string, Map<string, string[]>>()
  for (const { path, why, harmless } of ignoredKeys) {
    const [section = '', ...rest] = path.split('.')
    const found = takeEverywhere(tree, [section, ...rest])
    if (found.every((value) => harmless?.includes(value) === true || isOff(value))) continue
    const reasons = said.get(section) ?? new Map<string, string[]>()
    reasons.set(why, [...(reasons.get(why) ?? []), rest.join('.')])
    said.set(section, reasons)
  }
  for (const [section, reasons] of said) {
    const parts = [...reasons].map(([why, keys]) => (keys[0] === '' ? why : `${keys.join(', ')} (${why})`))
    const whole = parts.length === 1 && reasons.values().next().value?.[0] === ''
    warnings.push({
      path: section,
      message: whole ? `this section is not used: ${parts[0]}` : `not used: ${parts.join('; ')}`,
    })
  }
}

/** Whether a section says itself that it does nothing: of what is switched off, nothing need be said. */
function isOff(value: unknown): boolean {
  if (!isTree(value)) return false
  const switches = [value.enable, value.enabled].filter((one) => one !== undefined)
  if (switches.length > 0) return switches.every((one) => one === false || one === 'false')
  return Object.values(value).every(isOff)
}

/** Takes out every value at `path`, looking into each table of a list. */
function takeEverywhere(value: unknown, path: readonly string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => takeEverywhere(item, path))
  const [first, ...rest] = path
  if (first === undefined || !isTree(value) || !(first in value)) return []
  const child = value[first]
  if (rest.length > 0) return takeEverywhere(child, rest)
  delete value[first]
  return [child]
}
