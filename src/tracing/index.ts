export { makeRequestId } from './request-id.js'
export { type Correlation, Tracing, type TracingOptions } from './tracing.js'
