export { Collector } from './collector.js'
export { type Attributes, encodeMetrics, type Metric, metricsOf, type Span } from './otlp-json.js'
export { RequestDurations } from './request-durations.js'
export { SpanQueue } from './span-queue.js'
