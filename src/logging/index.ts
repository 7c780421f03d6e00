export { describeError, describeTarget, scrub } from './describe.js'
export { FailureLog } from './failure-log.js'
export { createLogging, type Fields, type Logger, type Logging, type LoggingOptions, silent } from './logger.js'
