import type { Attributes, HistogramPoint, Metric } from './otlp-json.js'

/** Upper bounds of the buckets, in seconds: those that the semantic conventions advise. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** Combinations of attributes that are told apart. Beyond, all count as one. */
const MAX_SERIES = 2_000
const OVERFLOW: Attributes = { 'otel.metric.overflow': true }

/** `http.server.request.duration` of OpenTelemetry's semantic conventions. */
export class RequestDurations {
  readonly #series = new Map<string, { readonly attributes: Attributes; counts: Float64Array; sum: number }>()

  /** @param ms milliseconds */
  observe(attributes: Attributes, ms: number): void {
    const key = JSON.stringify(attributes)
    const series = this.#series.get(key) ?? this.#open(key, attributes)
    const seconds = ms / 1000
    const bucket = BOUNDS.findIndex((bound) => seconds <= bound)
    const index = bucket < 0 ? BOUNDS.length : bucket
    series.counts[index] = (series.counts[index] as number) + 1
    series.sum += seconds
  }

  get metric(): Metric {
    const points: HistogramPoint[] = [...this.#series.values()].map((series) => ({ bounds: BOUNDS, ...series }))
    const description = 'Duration of HTTP server requests.'
    return { name: 'http.server.request.duration', description, unit: 's', type: 'histogram', points }
  }

  #open(key: string, attributes: Attributes) {
    const isFull = this.#series.size >= MAX_SERIES
    const name = isFull ? JSON.stringify(OVERFLOW) : key
    const known = this.#series.get(name)
    if (known !== undefined) return known
    const series = { attributes: isFull ? OVERFLOW : attributes, counts: new Float64Array(BOUNDS.length + 1), sum: 0 }
    this.#series.set(name, series)
    return series
  }
}
