export { describeError, describeTarget, scrub } from './describe.js'
export { createLogging, type Fields, type Logger, type Logging, type LoggingOptions, silent } from './logger.js'
