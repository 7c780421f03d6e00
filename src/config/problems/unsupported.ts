import { isTree, type Path, pathText, type Tree } from '../reading/tree.js'
import type { ConfigProblem, ConfigWarning } from './error.js'

/** A value that the schema knows and that is not supported. */
export interface Unsupported {
  /** Names separated by dots; a list's tables count as the list. */
  readonly path: string
  /** Whether the value requires the unsupported feature. */
  readonly when: (value: unknown, table: Tree) => boolean
  readonly message: string
  readonly remedy: string
  /** If a warning is enough: what becomes of the value. Default: it is a problem. */
  readonly warning?: 'keep' | 'drop' | { readonly instead: unknown }
}

const yes = (value: unknown) => value === true || value === 'true'
const LATER = 'is not supported yet'
const NEVER = 'is not supported'

/**
 * Protective settings that are not supported (yet): ignoring one would leave an API unprotected.
 * Each entry is removed when its feature is added.
 */
export const unsupported: readonly Unsupported[] = [
  {
    path: 'httpClients.proxy.enable',
    when: yes,
    message: `an outgoing proxy ${NEVER}`,
    remedy: 'set it to false if upstreams are reachable directly',
  },
  {
    path: 'mutualSSLConfig.protocolVersions',
    when: (value) => typeof value === 'string' && /(SSLv[23]|TLSv1(\.[01])?)\s*(,|$)/i.test(value),
    message: 'versions before TLSv1.2 are not supported',
    remedy: 'remove them',
    warning: 'keep',
  },
  {
    path: 'mutualSSLConfig.sslVerifyClient',
    when: (value) => typeof value === 'string' && value.toLowerCase() === 'require',
    message: `requiring client certificates ${LATER}`,
    remedy: 'set it to "optional" if access tokens protect your APIs sufficiently',
  },
  {
    path: 'keyManager.enableLegacyMode',
    when: yes,
    message: `the key validation service of old API Managers ${NEVER}`,
    remedy: 'set it to false',
  },
  {
    path: 'jwtTokenConfig.validateSubscription',
    when: yes,
    message: `subscription validation ${NEVER}`,
    remedy: 'set it to false if every application with a token of this issuer may use your APIs',
  },
  {
    path: 'security.validateSubscriptions',
    when: yes,
    message: `subscription validation ${NEVER}`,
    remedy: 'set it to false if every application with a token may use your APIs',
  },
  {
    path: 'apim.eventHub.enable',
    when: yes,
    message: 'API and subscription data are not retrieved from the API Manager',
    remedy: 'declare APIs in apiDefinitions',
    warning: { instead: false },
  },
  {
    path: 'server.headerConf',
    when: (value) => Array.isArray(value) && value.length > 0,
    message: `preserving or overriding headers ${LATER}`,
    remedy: 'headers are forwarded unchanged',
    warning: 'drop',
  },
]

/** Finds what of {@link unsupported} `tree` asks for; where a warning is enough, changes `tree` to what will be done. */
export function refuseUnsupported(tree: Tree, problems: ConfigProblem[], warnings: ConfigWarning[]): void {
  for (const entry of unsupported) {
    for (const { path, table, name } of find(tree, entry.path.split('.'), [])) {
      if (!entry.when(table[name], table)) continue
      const { message, remedy } = entry
      ;(entry.warning === undefined ? problems : warnings).push({ path: pathText(path), message, remedy })
      if (entry.warning === 'drop') delete table[name]
      else if (typeof entry.warning === 'object') table[name] = entry.warning.instead
    }
  }
}

interface Found {
  readonly path: Path
  readonly table: Tree
  readonly name: string
}

function* find(value: unknown, names: readonly string[], path: Path): Generator<Found> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* find(item, names, [...path, index])
    return
  }
  const [name, ...rest] = names
  if (name === undefined || !isTree(value) || !(name in value)) return
  if (rest.length === 0) yield { path: [...path, name], table: value, name }
  else yield* find(value[name], rest, [...path, name])
}
