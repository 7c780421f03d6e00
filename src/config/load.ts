import { resolve } from 'node:path'
import { cautions, contradictions } from './problems/consistency.js'
import { ConfigError, type ConfigProblem, type ConfigWarning } from './problems/error.js'
import { dropIgnored } from './problems/ignored.js'
import { warnOfSmallDurations } from './problems/small-durations.js'
import { refuseUnknown } from './problems/unknown-keys.js'
import { refuseUnsupported } from './problems/unsupported.js'
import { type Environment, substituteEnvironment } from './reading/environment.js'
import { modernise } from './reading/old-spellings.js'
import { missingFiles, resolvePaths } from './reading/paths.js'
import { readSource } from './reading/source.js'
import { parseToml } from './reading/toml.js'
import { isTree, plainTree, setAt, type Tree, valueAt } from './reading/tree.js'
import { type Parsed, validate } from './reading/validate.js'
import { schemaTree } from './schema/keys.js'
import { DEFAULT_EVENT_HUB } from './schema/revocation.js'
import type { Config } from './schema/schema.js'

/** How often a store is read again by default (ms): the event hub is cheap to ask and has no watch. */
const HUB_REFRESH_INTERVAL = 60_000
const STORE_REFRESH_INTERVAL = 300_000

export interface LoadedConfig {
  readonly config: Config
  readonly warnings: readonly ConfigWarning[]
}

/**
 * Reads and checks a configuration file. `$env{NAME}` in its strings is read from `env`.
 * Throws {@link ConfigError}, and nothing else, with every problem that there is. No message holds a secret.
 */
export async function loadConfig(file: string, env: Environment): Promise<LoadedConfig> {
  const source = await readSource(file)
  const { config, warnings, problems, files } = read(source, file, env)
  const all = firstOfEachPath([...problems, ...(await missingFiles(files))])
  if (all.length > 0) throw new ConfigError(file, all)
  return { config: freeze(config), warnings }
}

/** As {@link loadConfig}, for a file's text: does not look whether the files that it names exist. */
export function parseConfig(source: string, file: string, env: Environment): LoadedConfig {
  const { config, warnings, problems } = read(source, file, env)
  if (problems.length > 0) throw new ConfigError(file, problems)
  return { config: freeze(config), warnings }
}

/**
 * Reads a few keys and what is below them (`admin`, `admin.port`); every other one has its default. A variable that is not set,
 * or another problem, counts only there: a command does not have the environment of the gateway. Warns of nothing.
 * Throws {@link ConfigError}, and nothing else.
 */
export async function loadKeys(file: string, env: Environment, keys: readonly string[]): Promise<Config> {
  const parsed = parseToml(await readSource(file))
  if ('problem' in parsed) throw new ConfigError(file, [parsed.problem])
  const problems: ConfigProblem[] = []
  const whole = plainTree(parsed.value, problems)
  substituteEnvironment(whole, env, problems)
  modernise(whole, problems, [])
  const tree = Object.create(null) as Tree
  for (const key of keys.map((each) => each.split('.'))) {
    const value = valueAt(whole, key)
    if (value !== undefined) setAt(tree, key, value)
  }
  refuseUnknown(tree, problems)
  const values = validate(tree, problems)
  resolvePaths(values, file, problems)
  const own = problems.filter(({ path }) => keys.some((key) => path === key || path.startsWith(`${key}.`)))
  if (own.length > 0) throw new ConfigError(file, firstOfEachPath(own))
  return freeze(complete(values))
}

interface Reading extends LoadedConfig {
  readonly problems: readonly ConfigProblem[]
  /** The files that the configuration names, by their keys. */
  readonly files: ReadonlyMap<string, string>
}

function read(source: string, file: string, env: Environment): Reading {
  const parsed = parseToml(source)
  if ('problem' in parsed) throw new ConfigError(file, [parsed.problem])
  const problems: ConfigProblem[] = []
  const warnings: ConfigWarning[] = []
  const tree = plainTree(parsed.value, problems)
  substituteEnvironment(tree, env, problems)
  modernise(tree, problems, warnings)
  dropIgnored(tree, warnings)
  adoptStoreOptions(tree)
  refuseUnknown(tree, problems)
  refuseUnsupported(tree, problems, warnings)
  warnOfSmallDurations(tree, warnings)
  const values = validate(tree, problems)
  const files = resolvePaths(values, file, problems)
  const config = complete(values)
  const wrong = new Set(problems.map((each) => each.path))
  for (const { beside, ...problem } of contradictions(config)) {
    if (beside?.some((path) => wrong.has(path)) !== true) problems.push(problem)
  }
  return { config, warnings: [...warnings, ...cautions(config)], problems: firstOfEachPath(problems), files }
}

/** WSO2's users write their custom store's keys into its section, beside ours. */
function adoptStoreOptions(tree: Tree): void {
  const section = valueAt(tree, ['tokenRevocationConfig', 'persistent'])
  if (!isTree(section) || typeof section.type !== 'string' || ['default', 'etcd'].includes(section.type)) return
  const known = schemaTree.keys.get('tokenRevocationConfig')?.keys.get('persistent')?.keys
  const own = Object.keys(section).filter((key) => known?.has(key) !== true)
  if (own.length === 0) return
  section.options ??= Object.create(null) as Tree
  if (!isTree(section.options)) return
  for (const key of own) {
    section.options[key] ??= section[key]
    delete section[key]
  }
}

/** Fills in the defaults that depend on other keys. */
function complete(values: Parsed): Config {
  const { persistent, journal } = values.tokenRevocationConfig
  const isHub = persistent.type === 'default'
  const refreshInterval = persistent.refreshInterval ?? (isHub ? HUB_REFRESH_INTERVAL : STORE_REFRESH_INTERVAL)
  const endpointURL = persistent.endpointURL ?? (isHub ? DEFAULT_EVENT_HUB : undefined)
  return {
    ...values,
    tokenRevocationConfig: {
      ...values.tokenRevocationConfig,
      persistent: { ...persistent, refreshInterval, ...(endpointURL === undefined ? {} : { endpointURL }) },
      journal: { ...journal, path: resolve(values.server.stateDirectory, journal.path) },
    },
  }
}

/** One mistake is often found by several checks: the first to find it knows it best. */
function firstOfEachPath(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const byPath = new Map<string, ConfigProblem>()
  for (const problem of problems) if (!byPath.has(problem.path)) byPath.set(problem.path, problem)
  return [...byPath.values()]
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    for (const child of Object.values(value)) freeze(child)
    Object.freeze(value)
  }
  return value
}
