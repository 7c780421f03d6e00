export { ConfigError, type ConfigProblem, type ConfigWarning, describeProblem } from './error.js'
export type { Config } from './schema.js'
export { Secret } from './secret.js'
