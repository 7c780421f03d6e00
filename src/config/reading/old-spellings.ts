import type { ConfigProblem, ConfigWarning } from '../problems/error.js'
import { corsKey } from '../schema/cors.js'
import { isTree, setAt, type Tree, takeAt, valueAt } from './tree.js'

/** Keys that went by other names, or stood elsewhere, in WSO2's files of other versions. */
const MOVED: readonly { readonly from: string; readonly to: string }[] = [
  { from: 'listenerConfig.keyStore.path', to: 'listenerConfig.keyStorePath' },
  { from: 'listenerConfig.keyStore.password', to: 'listenerConfig.keyStorePassword' },
  { from: 'listenerConfig.trustStore.path', to: 'listenerConfig.trustStorePath' },
  { from: 'listenerConfig.trustStore.password', to: 'listenerConfig.trustStorePassword' },
  { from: 'listenerConfig.authorizationHeader', to: 'authConfig.authorizationHeader' },
  { from: 'caching.tokenCache.expiryTime', to: 'caching.tokenCacheExpiryTime' },
  { from: 'caching.tokenCache.capacity', to: 'caching.tokenCacheCapacity' },
  { from: 'caching.tokenCache.evictionFactor', to: 'caching.tokenCacheEvictionFactor' },
  { from: 'keyManager.username', to: 'keyManager.security.basic.username' },
  { from: 'keyManager.password', to: 'keyManager.security.basic.password' },
  { from: 'keyManager.timestampSkew', to: 'server.timestampSkew' },
  { from: 'keyManager.verifyHostname', to: 'httpClients.verifyHostname' },
  { from: 'apim.eventHub.service_url', to: 'apim.eventHub.serviceUrl' },
  { from: 'b7a.log.level', to: 'logging.level' },
]

const REALTIME = 'tokenRevocationConfig.realtime'
const SECTION = 'tokenRevocationConfig.persistent'

/** Keys of WSO2's files before 3.2 that have no place in the schema, and their table; `hotsname` is one version's misspelling. */
export const formerKeys: readonly { readonly table: string; readonly name: string; readonly repeatable: boolean }[] = [
  ...['useDefault', 'customImplementationEnabled', 'hostname', 'hotsname'].map((name) => ({ table: SECTION, name })),
  { table: REALTIME, name: 'customImplementationEnabled' },
].map((key) => ({ ...key, repeatable: false }))

/** WSO2's section names that may be quoted as a whole: `["b7a.users"]`. */
const QUOTED = /^(b7a|apim|apikey|analytics|keymanager)\./

/**
 * Brings what older files hold into the schema's one shape, with a warning for each thing that should be rewritten.
 * A key that is there by its present name wins over its old one.
 */
export function modernise(tree: Tree, problems: ConfigProblem[], warnings: ConfigWarning[]): void {
  for (const key of Object.keys(tree)) if (QUOTED.test(key)) unquote(tree, key)
  for (const key of ['jwtTokenConfig', 'apis']) {
    if (isTree(tree[key])) tree[key] = [tree[key]]
  }
  for (const issuer of Array.isArray(tree.jwtTokenConfig) ? tree.jwtTokenConfig : []) {
    if (isTree(issuer) && isTree(issuer.claims)) issuer.claims = [issuer.claims]
  }
  mergeKeyManager(tree, problems, warnings)
  nameCorsKeys(valueAt(tree, ['keyManager', 'cors']))
  takeIssuersTrustStore(tree)
  for (const { from, to } of MOVED) move(tree, from, to, warnings)
  normaliseLevel(tree)
  if (valueAt(tree, ['server', 'timestampSkew']) === -1) takeAt(tree, ['server', 'timestampSkew']) // WSO2's "not set"
  moveMetricsPort(tree, warnings)
  takeAccessLog(tree)
  normaliseMutualTls(tree)
  normaliseRealtime(tree, problems, warnings)
  normalisePersistent(tree, problems, warnings)
}

/** `["b7a.users"]` is one name with a dot in it; what is meant is `[b7a.users]`. */
function unquote(tree: Tree, key: string): void {
  const value = tree[key]
  delete tree[key]
  const path = key.split('.')
  const existing = valueAt(tree, path)
  if (isTree(value) && isTree(existing)) for (const [name, child] of Object.entries(value)) existing[name] ??= child
  else setAt(tree, path, value)
}

/** WSO2 writes `[keyManager]` and, below it, `[keymanager.security.basic]`. */
function mergeKeyManager(tree: Tree, problems: ConfigProblem[], warnings: ConfigWarning[]): void {
  const lower = tree.keymanager
  if (!isTree(lower)) return
  delete tree.keymanager
  const upper = tree.keyManager
  if (upper === undefined) {
    warnings.push({
      path: 'keymanager',
      message: 'has no effect without a section [keyManager]',
      remedy: 'add [keyManager] with serverUrl, or remove it',
    })
    return
  }
  if (!isTree(upper)) return
  for (const [key, value] of Object.entries(lower)) {
    if (upper[key] === undefined) upper[key] = value
    else problems.push({ path: `keymanager.${key}`, message: 'is set twice: in [keymanager] and in [keyManager]' })
  }
}

/** The keys as API definitions write them: `access-control-allow-origins`. */
function nameCorsKeys(section: unknown): void {
  if (!isTree(section)) return
  for (const [written, value] of Object.entries(section)) {
    const name = corsKey(written)
    if (name === undefined || name === written) continue
    delete section[written]
    section[name] ??= value
  }
}

/** In WSO2's 3.0, the certificates of issuers may have a trust store of their own; here all are in the listener's. */
function takeIssuersTrustStore(tree: Tree): void {
  const listener = tree.listenerConfig ?? (Object.create(null) as Tree)
  if (!isTree(listener) || listener.trustStorePath !== undefined || listener.trustStore !== undefined) return
  for (const issuer of Array.isArray(tree.jwtTokenConfig) ? tree.jwtTokenConfig : []) {
    if (!isTree(issuer) || !isTree(issuer.trustStore)) continue
    listener.trustStore = issuer.trustStore
    delete issuer.trustStore
    tree.listenerConfig = listener
    return
  }
}

/** WSO2's 3.0 writes lists where later versions write commas, and has a word for "no certificate is asked for". */
function normaliseMutualTls(tree: Tree): void {
  const section = tree.mutualSSLConfig
  if (!isTree(section)) return
  const { protocolVersions, sslVerifyClient } = section
  if (Array.isArray(protocolVersions) && protocolVersions.every((each) => typeof each === 'string')) {
    section.protocolVersions = protocolVersions.join(',')
  }
  if (sslVerifyClient === 'not_require' || sslVerifyClient === '') section.sslVerifyClient = 'optional'
}

function move(tree: Tree, from: string, to: string, warnings: ConfigWarning[]): void {
  const value = takeAt(tree, from.split('.'))
  if (value === undefined) return
  const target = to.split('.')
  if (valueAt(tree, target) === undefined) setAt(tree, target, value)
  else warnings.push({ path: from, message: `is ignored: ${to} is set` })
  // Files of WSO2's 3.0 to 3.2 hold these as a matter of course: reading them is no reason for a warning each.
}

/** WSO2's levels that have another name here. */
function normaliseLevel(tree: Tree): void {
  const logging = tree.logging
  if (!isTree(logging) || typeof logging.level !== 'string') return
  const level = logging.level.toLowerCase()
  logging.level = level === 'off' ? 'silent' : level === 'all' ? 'trace' : level
}

/** WSO2 serves its metrics on a separate port; here it is the admin listener's. */
function moveMetricsPort(tree: Tree, warnings: ConfigWarning[]): void {
  const metrics = takeAt(tree, ['b7a', 'observability', 'metrics'])
  if (!isTree(metrics)) return
  const port = valueAt(metrics, ['prometheus', 'port'])
  const enabled = metrics.enabled === true || metrics.enabled === 'true'
  if (!enabled || port === undefined || valueAt(tree, ['admin', 'port']) !== undefined) return
  setAt(tree, ['admin', 'port'], port)
  warnings.push({
    path: 'b7a.observability.metrics',
    message: 'the admin listener uses this port, on admin.host',
    remedy: 'write [admin] with host and port',
  })
}

/** Ballerina's settings for WSO2's access log. */
function takeAccessLog(tree: Tree): void {
  const log = takeAt(tree, ['b7a', 'http', 'accesslog'])
  if (!isTree(log) || tree.accessLog !== undefined) return
  const { path } = log
  const hasFile = typeof path === 'string' && path !== ''
  if (hasFile || isYes(log.console)) setAt(tree, ['accessLog', 'enable'], true)
  if (hasFile) setAt(tree, ['accessLog', 'file'], path)
}

function normaliseRealtime(tree: Tree, problems: ConfigProblem[], warnings: ConfigWarning[]): void {
  const realtime = valueAt(tree, ['tokenRevocationConfig', 'realtime'])
  if (!isTree(realtime)) return
  const { customImplementationEnabled: custom } = realtime
  delete realtime.customImplementationEnabled
  if (custom !== undefined && !isNo(custom)) {
    problems.push({
      path: `${REALTIME}.customImplementationEnabled`,
      message: 'custom subscribers are not supported',
      remedy: 'set it to false if a broker publishes the revocations',
    })
  }
  if (realtime.jmsConnectioninitialContextFactory !== 'bmbInitialContextFactory') return
  realtime.jmsConnectioninitialContextFactory = 'wso2mbInitialContextFactory'
  warnings.push({
    path: `${REALTIME}.jmsConnectioninitialContextFactory`,
    message: 'is deprecated',
    remedy: 'write "wso2mbInitialContextFactory"',
  })
}

/**
 * Brings the spellings of `[tokenRevocationConfig.persistent]` before 3.2 (`useDefault`, or its contrary
 * `customImplementationEnabled`, and `hostname`) into `type` and `endpointURL`. A `hostname` that is not empty wins over `endpointURL`.
 */
function normalisePersistent(tree: Tree, problems: ConfigProblem[], warnings: ConfigWarning[]): void {
  const section = valueAt(tree, ['tokenRevocationConfig', 'persistent'])
  if (!isTree(section)) return
  takeHostname(section, problems, warnings)
  takeUseDefault(section, 'useDefault', isYes, problems, warnings)
  takeUseDefault(section, 'customImplementationEnabled', isNo, problems, warnings)
  const { type, endpointURL } = section
  if (isEnabled(section) && type === 'default' && typeof endpointURL === 'string' && namesEtcd(endpointURL)) {
    problems.push({
      path: `${SECTION}.type`,
      message: 'is "default", WSO2’s event hub, but the URL names keys of etcd',
      remedy: 'write type = "etcd"',
    })
  }
}

function takeHostname(section: Tree, problems: ConfigProblem[], warnings: ConfigWarning[]): void {
  for (const key of ['hostname', 'hotsname']) {
    const value = section[key]
    delete section[key]
    if (value === undefined || value === '') continue
    if (typeof value !== 'string') problems.push({ path: `${SECTION}.${key}`, message: 'must be a string' })
    else section.endpointURL = value
    warnings.push({ path: `${SECTION}.${key}`, message: 'is deprecated', remedy: 'rename it to endpointURL' })
  }
}

function takeUseDefault(
  section: Tree,
  key: string,
  meansDefault: (value: unknown) => boolean,
  problems: ConfigProblem[],
  warnings: ConfigWarning[],
): void {
  const value = section[key]
  const path = `${SECTION}.${key}`
  delete section[key]
  if (value === undefined) return
  if (section.type !== undefined) {
    warnings.push({ path, message: 'is ignored: type is set', remedy: 'remove it' })
    return
  }
  if (meansDefault(value)) {
    const { endpointURL } = section
    section.type = typeof endpointURL === 'string' && namesEtcd(endpointURL) ? 'etcd' : 'default'
    warnings.push({
      path,
      message: 'is deprecated',
      remedy: `write type = "${section.type}" instead, which it means here`,
    })
    return
  }
  if (!isEnabled(section)) return
  problems.push({
    path,
    message: isYes(value) || isNo(value) ? 'means a custom store, but none is named' : 'must be true or false',
    remedy: 'set type to "default" or "etcd", or to a name of your own with its file as module',
  })
}

/** Whether a URL names keys of an etcd, in either of its APIs, as WSO2's 3.1 files do without saying `type = "etcd"`. */
export function namesEtcd(endpointURL: string): boolean {
  return /\/v[23]\/keys(\/|$)/.test(endpointURL)
}

function isEnabled(section: Tree): boolean {
  return isYes(section.enablePersistentStorageRetrieval)
}

function isYes(value: unknown): boolean {
  return value === true || value === 'true'
}

function isNo(value: unknown): boolean {
  return value === false || value === 'false'
}
