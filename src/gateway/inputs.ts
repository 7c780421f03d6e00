import { availableParallelism } from 'node:os'
import { type Api, formatProblem, loadApis } from '../apis/index.js'
import { type Config, type ConfigWarning, describeProblem, loadConfig } from '../config/index.js'

/** A configuration file and the API definitions that it names, read and checked. */
export interface Inputs {
  readonly config: Config
  readonly apis: readonly Api[]
  readonly warnings: readonly string[]
  /** Notes that need no action. */
  readonly notes: readonly string[]
}

/** Reads a configuration and the API definitions that it names. Throws all problems at once. */
export async function readInputs(configFile: string): Promise<Inputs> {
  const { config, warnings } = await loadConfig(configFile, process.env)
  const definitions = await loadApis({
    directory: config.apiDefinitions,
    entries: config.apis,
    configFile,
    strictSecurity: config.authConfig.strictSecurity,
  })
  return {
    config,
    apis: definitions.apis,
    notes: definitions.notes.map(formatProblem),
    warnings: [
      ...warnings.map((warning: ConfigWarning) => describeProblem(warning)),
      ...definitions.warnings.map(formatProblem),
      ...doubts(config, definitions.apis),
    ],
  }
}

/** Valid configuration that is probably a mistake. */
function* doubts(config: Config, apis: readonly Api[]): Generator<string> {
  const { realtime, persistent } = config.tokenRevocationConfig
  if (apis.length === 0) yield 'no API configured: put an OpenAPI file into apiDefinitions, or add [[apis]]'
  const secured = apis.some(({ resources }) => resources.some((resource) => resource.secured))
  if (secured && config.jwtTokenConfig.length === 0 && config.keyManager === undefined) {
    yield 'no token can be valid for the protected APIs: configure an issuer in [[jwtTokenConfig]], or a [keyManager]'
  }
  if (persistent.enablePersistentStorageRetrieval) return
  if (realtime.enableRealtimeMessageRetrieval) {
    yield 'no persistent store configured: revocations published while the broker is unreachable are lost'
  } else if (config.identityProvider.length === 0) {
    yield 'no revocation source configured: revoked tokens are accepted'
  }
}

/** Number of processes that serve: `[server] workers`. */
export function workerCount(workers: number | 'auto'): number {
  return workers === 'auto' ? availableParallelism() : workers
}
