export { describeError, describeTarget, scrub } from './describe.js'
export { FailureLog } from './failure-log.js'
export { LineOutput, type LineOutputOptions } from './line-output.js'
export {
  createLogging,
  type Fields,
  LOG_LEVELS,
  type Logger,
  type Logging,
  type LoggingOptions,
  type LogLevel,
  type OpenedLogging,
  silent,
} from './logger.js'
