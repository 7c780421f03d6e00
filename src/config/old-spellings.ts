import type { ConfigProblem, ConfigWarning } from './error.js'
import { normalisePersistent, persistentFormerKeys } from './old-persistent.js'
import { isTree, setAt, type Tree, takeAt, valueAt } from './tree.js'

/** Keys that went by other names, or stood elsewhere, in WSO2's files of other versions. */
const MOVED: readonly { readonly from: string; readonly to: string }[] = [
  { from: 'listenerConfig.keyStore.path', to: 'listenerConfig.keyStorePath' },
  { from: 'listenerConfig.keyStore.password', to: 'listenerConfig.keyStorePassword' },
  { from: 'listenerConfig.trustStore.path', to: 'listenerConfig.trustStorePath' },
  { from: 'listenerConfig.trustStore.password', to: 'listenerConfig.trustStorePassword' },
  { from: 'caching.tokenCache.expiryTime', to: 'caching.tokenCacheExpiryTime' },
  { from: 'caching.tokenCache.capacity', to: 'caching.tokenCacheCapacity' },
  { from: 'caching.tokenCache.evictionFactor', to: 'caching.tokenCacheEvictionFactor' },
  { from: 'keyManager.username', to: 'keyManager.security.basic.username' },
  { from: 'keyManager.password', to: 'keyManager.security.basic.password' },
  { from: 'keyManager.timestampSkew', to: 'server.timestampSkew' },
  { from: 'b7a.log.level', to: 'logging.level' },
]

/** Where such a key stood by its old name, for those who look for its table. */
export const formerKeys: readonly { readonly table: string; readonly name: string; readonly repeatable: boolean }[] =
  persistentFormerKeys.map((name) => ({ table: 'tokenRevocationConfig.persistent', name, repeatable: false }))

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
  for (const { from, to } of MOVED) move(tree, from, to, warnings)
  normaliseLevel(tree)
  if (valueAt(tree, ['server', 'timestampSkew']) === -1) takeAt(tree, ['server', 'timestampSkew']) // WSO2's "not set"
  moveMetricsPort(tree, warnings)
  normaliseFactory(tree, warnings)
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
      remedy: 'write [keyManager] with the serverUrl, or remove it',
    })
    return
  }
  if (!isTree(upper)) return
  for (const [key, value] of Object.entries(lower)) {
    if (upper[key] === undefined) upper[key] = value
    else problems.push({ path: `keymanager.${key}`, message: `is given twice: in [keymanager] and in [keyManager]` })
  }
}

function move(tree: Tree, from: string, to: string, warnings: ConfigWarning[]): void {
  const value = takeAt(tree, from.split('.'))
  if (value === undefined) return
  const target = to.split('.')
  if (valueAt(tree, target) === undefined) setAt(tree, target, value)
  else warnings.push({ path: from, message: `is not used: ${to} is set` })
  // Files of WSO2's 3.0 to 3.2 hold these as a matter of course: reading them is no reason for a warning each.
}

/** WSO2's levels that have another name here. */
function normaliseLevel(tree: Tree): void {
  const logging = tree.logging
  if (!isTree(logging) || typeof logging.level !== 'string') return
  const level = logging.level.toLowerCase()
  logging.level = level === 'off' ? 'silent' : level === 'all' ? 'trace' : level
}

/** WSO2 serves its metrics on a port of their own; here it is the admin listener's. */
function moveMetricsPort(tree: Tree, warnings: ConfigWarning[]): void {
  const metrics = takeAt(tree, ['b7a', 'observability', 'metrics'])
  if (!isTree(metrics)) return
  const port = valueAt(metrics, ['prometheus', 'port'])
  const enabled = metrics.enabled === true || metrics.enabled === 'true'
  if (!enabled || port === undefined || valueAt(tree, ['admin', 'port']) !== undefined) return
  setAt(tree, ['admin', 'port'], port)
  warnings.push({
    path: 'b7a.observability.metrics',
    message: 'metrics are served by the admin listener, on this port and on admin.host',
    remedy: 'write [admin] with host and port',
  })
}

function normaliseFactory(tree: Tree, warnings: ConfigWarning[]): void {
  const realtime = valueAt(tree, ['tokenRevocationConfig', 'realtime'])
  if (!isTree(realtime) || realtime.jmsConnectioninitialContextFactory !== 'bmbInitialContextFactory') return
  realtime.jmsConnectioninitialContextFactory = 'wso2mbInitialContextFactory'
  warnings.push({
    path: 'tokenRevocationConfig.realtime.jmsConnectioninitialContextFactory',
    message: 'is an old name',
    remedy: 'write "wso2mbInitialContextFactory"',
  })
}
