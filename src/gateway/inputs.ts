import { type Api, formatProblem, loadApis } from '../apis/index.js'
import { type Config, type ConfigWarning, describeProblem, loadConfig } from '../config/index.js'

/** Everything that a configuration file leads to, read and checked, with nothing started. */
export interface Inputs {
  readonly config: Config
  readonly apis: readonly Api[]
  readonly warnings: readonly string[]
}

/** Reads a configuration and the API definitions that it names. Throws what is wrong with them, all of it at once. */
export async function readInputs(configFile: string): Promise<Inputs> {
  const { config, warnings } = await loadConfig(configFile, process.env)
  const definitions = await loadApis({ directory: config.apiDefinitions, entries: config.apis, configFile })
  return {
    config,
    apis: definitions.apis,
    warnings: [
      ...warnings.map((warning: ConfigWarning) => describeProblem(warning)),
      ...definitions.warnings.map(formatProblem),
    ],
  }
}
