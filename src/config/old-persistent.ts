import type { ConfigProblem, ConfigWarning } from './error.js'
import { isTree, type Tree, valueAt } from './tree.js'

const SECTION = 'tokenRevocationConfig.persistent'
/** A path that names keys of etcd, in either of its APIs. */
const ETCD_KEYS = /\/v[23]\/keys(\/|$)/

/** Keys of the section in WSO2's files before 3.2; `hotsname` is how one version misspelt it. */
export const persistentFormerKeys: readonly string[] = ['useDefault', 'hostname', 'hotsname']

/**
 * Brings the spellings of `[tokenRevocationConfig.persistent]` before 3.2 (`useDefault`, `hostname`) into `type` and
 * `endpointURL`. A `hostname` that is not empty wins over `endpointURL`.
 */
export function normalisePersistent(tree: Tree, problems: ConfigProblem[], warnings: ConfigWarning[]): void {
  const section = valueAt(tree, ['tokenRevocationConfig', 'persistent'])
  if (!isTree(section)) return
  takeHostname(section, problems, warnings)
  takeUseDefault(section, problems, warnings)
  const { type, endpointURL } = section
  if (isEnabled(section) && type === 'default' && typeof endpointURL === 'string' && ETCD_KEYS.test(endpointURL)) {
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
    warnings.push({ path: `${SECTION}.${key}`, message: 'is an old name', remedy: 'write it as endpointURL' })
  }
}

function takeUseDefault(section: Tree, problems: ConfigProblem[], warnings: ConfigWarning[]): void {
  const { useDefault } = section
  delete section.useDefault
  if (useDefault === undefined) return
  if (section.type !== undefined) {
    warnings.push({ path: `${SECTION}.useDefault`, message: 'is not used: type is set', remedy: 'remove it' })
    return
  }
  if (useDefault === true) {
    const { endpointURL } = section
    section.type = typeof endpointURL === 'string' && ETCD_KEYS.test(endpointURL) ? 'etcd' : 'default'
    warnings.push({
      path: `${SECTION}.useDefault`,
      message: 'is an old name',
      remedy: `write type = "${section.type}" instead, as it is understood`,
    })
    return
  }
  if (!isEnabled(section)) return
  problems.push({
    path: `${SECTION}.useDefault`,
    message: useDefault === false ? 'means a store of your own, and none is named' : 'must be true or false',
    remedy: 'write type, "default" or "etcd"; or the name of your store and its file as module',
  })
}

function isEnabled(section: Tree): boolean {
  return section.enablePersistentStorageRetrieval === true || section.enablePersistentStorageRetrieval === 'true'
}
