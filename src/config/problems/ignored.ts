import { isTree, type Tree } from '../reading/tree.js'
import type { ConfigWarning } from './error.js'

/** A key or section of WSO2's file that this gateway ignores. */
export interface IgnoredKey {
  /** Names separated by dots; a list's tables count as the list. */
  readonly path: string
  readonly why: string
  /** Values that need no warning. */
  readonly harmless?: readonly unknown[]
}

/** Known and harmless keys: never an error, and at most one warning per section. */
export const ignoredKeys: readonly IgnoredKey[] = [
  { path: 'analytics', why: 'no analytics are published' },
  { path: 'throttlingConfig', why: 'requests are not throttled' },
  { path: 'Throttling', why: 'requests are not throttled' },
  { path: 'validationConfig', why: 'requests and responses are not validated' },
  { path: 'jwtGeneratorConfig', why: 'no JWT is generated for upstreams' },
  { path: 'basicAuthConfig', why: 'clients can’t authenticate by Basic' },
  { path: 'apikey', why: 'API keys are not supported' },
  { path: 'filters', why: 'the request pipeline is fixed' },
  { path: 'b7a', why: 'Ballerina’s own settings have no meaning here' },
  { path: 'apim.credentials', why: 'the API Manager is not called' },
  { path: 'apim.eventHub.listOfTenants', why: 'tenants are not supported' },
  { path: 'apim.eventHub.xWSO2Tenant', why: 'tenants are not supported' },
  { path: 'jwtConfig.enabled', why: 'no JWT is generated for upstreams', harmless: [false] },
  { path: 'keyManager.issuer', why: 'issuers are configured in [[jwtTokenConfig]]', harmless: [''] },
  { path: 'keyManager.external', why: 'every key manager is external', harmless: [false] },
  { path: 'keyManager.jwksURL', why: 'key sets are configured in [[jwtTokenConfig]]', harmless: [''] },
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
  { path: 'mutualSSLConfig.protocolName', why: 'the protocol is always TLS', harmless: ['TLS'] },
  { path: 'mutualSSLConfig.ciphers', why: 'Node’s cipher suites are used' },
  { path: 'mutualSSLConfig.certificateHeaderName', why: 'client certificates are not read from headers' },
  {
    path: 'mutualSSLConfig.isClientCertificateValidationEnabled',
    why: 'client certificates are not read from headers',
  },
  { path: 'mutualSSLConfig.api', why: 'client certificates per API are not supported' },
  { path: 'httpClients.sslConfig.protocolName', why: 'the protocol is always TLS', harmless: ['TLS'] },
  { path: 'httpClients.sslConfig.protocolVersions', why: 'TLS 1.2 and 1.3 are offered' },
  { path: 'httpClients.sslConfig.ciphers', why: 'Node’s cipher suites are used' },
  { path: 'httpClients.enableHttp2', why: 'upstream connections use HTTP/1.1', harmless: [false] },
  { path: 'httpClients.poolConfig.maxActiveStreamsPerConnection', why: 'upstream connections use HTTP/1.1' },
  { path: 'httpClients.poolConfig.maxIdleConnections', why: 'idle connections are closed by age, not by number' },
  {
    path: 'httpClients.poolConfig.waitTimeInMillis',
    why: 'a request waits for a connection as long as its client does',
  },
  { path: 'httpClients.responseLimits', why: 'responses are streamed, and their headers have at most 16 KiB' },
  { path: 'tokenRevocationConfig.enabledTokenRevocation', why: 'each source has its own switch' },
]

/** Removes the ignored keys from `tree`, with a warning for each section that has some. */
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

/** Whether a section, or a switch in it, is off: then it needs no warning. */
function isOff(value: unknown): boolean {
  if (!isTree(value)) return value === false || value === 'false'
  const switches = [value.enable, value.enabled].filter((one) => one !== undefined)
  if (switches.length > 0) return switches.every((one) => one === false || one === 'false')
  return Object.values(value).every(isOff)
}

/** Removes every value at `path`, in each table of a list. */
function takeEverywhere(value: unknown, path: readonly string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => takeEverywhere(item, path))
  const [first, ...rest] = path
  if (first === undefined || !isTree(value) || !(first in value)) return []
  const child = value[first]
  if (rest.length > 0) return takeEverywhere(child, rest)
  delete value[first]
  return [child]
}
