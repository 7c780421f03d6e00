import { type Api, formatProblem, loadApis } from '../apis/index.js'
import { type Config, type ConfigWarning, describeProblem, loadConfig } from '../config/index.js'

/** Everything that a configuration file leads to, read and checked, with nothing started. */
export interface Inputs {
  readonly config: Config
  readonly apis: readonly Api[]
  readonly warnings: readonly string[]
  /** What needs no attention, and explains what the gateway does. */
  readonly notes: readonly string[]
}

/** Reads a configuration and the API definitions that it names. Throws what is wrong with them, all of it at once. */
export async function readInputs(configFile: string): Promise<Inputs> {
  const { config, warnings } = await loadConfig(configFile, process.env)
  const definitions = await loadApis({ directory: config.apiDefinitions, entries: config.apis, configFile })
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

/** What is no error, and surely not what anybody wants. */
function* doubts(config: Config, apis: readonly Api[]): Generator<string> {
  const { realtime, persistent } = config.tokenRevocationConfig
  if (apis.length === 0) yield 'there is no API: put an OpenAPI file into apiDefinitions, or write [[apis]]'
  const secured = apis.some(({ resources }) => resources.some((resource) => resource.secured))
  if (secured && config.jwtTokenConfig.length === 0 && config.keyManager === undefined) {
    yield 'nobody can call the protected APIs: name an issuer of tokens in [[jwtTokenConfig]], or a [keyManager]'
  }
  if (persistent.enablePersistentStorageRetrieval) return
  yield realtime.enableRealtimeMessageRetrieval
    ? 'without a persistent store, what is published while the broker is away is lost'
    : 'no source of revocations is configured: revoked tokens are accepted'
}
