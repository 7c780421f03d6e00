export { describeError, scrub } from './describe-error.js'
export { describeTarget } from './describe-target.js'
export { createLogging, type Fields, type Logger, type Logging, type LoggingOptions, silent } from './logger.js'
