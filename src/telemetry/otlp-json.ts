import { BOUNDS, METRICS, readKey, type Samples } from '../metrics/index.js'

/** Attributes by name; those that are `undefined` are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

/** A span that is over (OpenTelemetry's trace data model). */
export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits, as its parent's. */
  readonly spanId: string
  readonly parentSpanId?: string | undefined
  readonly name: string
  readonly kind: 'server' | 'client'
  /** Epoch ms, with fractions. */
  readonly startedAt: number
  readonly endedAt: number
  readonly attributes: Attributes
  readonly isError: boolean
}

/** A histogram's counts: for each bound one, and one for what is above all. */
export interface HistogramPoint {
  readonly attributes: Attributes
  readonly bounds: readonly number[]
  readonly counts: ArrayLike<number>
  readonly sum: number
}

/** A metric, and its values by attributes. */
export interface Metric {
  readonly name: string
  readonly description: string
  readonly unit: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly points: readonly ({ readonly attributes: Attributes; readonly value: number } | HistogramPoint)[]
}

const SCOPE = { name: 'mgw' }
const KINDS = { server: 2, client: 3 } as const
const STATUS_ERROR = 2
const CUMULATIVE = 2

/** The body of a request to `/v1/traces` (OTLP/HTTP, JSON). */
export function encodeSpans(resource: Attributes, spans: readonly Span[]): string {
  const encoded = spans.map(({ kind, startedAt, endedAt, attributes, isError, ...names }) => ({
    ...names,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(startedAt),
    endTimeUnixNano: nanoseconds(endedAt),
    attributes: keyValues(attributes),
    status: isError ? { code: STATUS_ERROR } : {},
  }))
  const scopeSpans = [{ scope: SCOPE, spans: encoded }]
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: keyValues(resource) }, scopeSpans }] })
}

/**
 * The body of a request to `/v1/metrics` (OTLP/HTTP, JSON).
 *
 * @param since epoch ms from which counters and histograms count
 */
export function encodeMetrics(resource: Attributes, metrics: readonly Metric[], since: number, now: number): string {
  const times = { startTimeUnixNano: nanoseconds(since), timeUnixNano: nanoseconds(now) }
  const encoded = metrics.map(({ name, description, unit, type, points }) => {
    const dataPoints = points.map((point) => ({ ...times, ...encodePoint(point) }))
    const of = { name, description, unit }
    if (type === 'gauge') return { ...of, gauge: { dataPoints } }
    if (type === 'histogram') return { ...of, histogram: { aggregationTemporality: CUMULATIVE, dataPoints } }
    return { ...of, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } }
  })
  const scopeMetrics = [{ scope: SCOPE, metrics: encoded }]
  return JSON.stringify({ resourceMetrics: [{ resource: { attributes: keyValues(resource) }, scopeMetrics }] })
}

function encodePoint(point: Metric['points'][number]): object {
  const attributes = keyValues(point.attributes)
  if ('value' in point) return { attributes, asDouble: point.value }
  const counts = Array.from(point.counts)
  return {
    attributes,
    count: String(counts.reduce((all, one) => all + one, 0)),
    sum: point.sum,
    bucketCounts: counts.map(String),
    explicitBounds: point.bounds,
  }
}

interface Growing extends Metric {
  readonly points: Metric['points'][number][]
}

/** What `/metrics` says, under the same names. */
export function metricsOf(samples: Samples): Metric[] {
  const metrics = new Map<string, Growing>()
  const histograms = new Map<string, HistogramPoint & { counts: number[]; sum: number }>()
  for (const [key, value] of samples) {
    const { name, labels, part } = readKey(key)
    const { type, help, labels: names } = METRICS[name]
    const metric: Growing = metrics.get(name) ?? { name, description: help, unit: unitOf(name), type, points: [] }
    metrics.set(name, metric)
    const attributes = Object.fromEntries(names.map((label: string, i: number) => [label, labels[i] ?? '']))
    if (part === undefined) {
      metric.points.push({ attributes, value })
      continue
    }
    const id = JSON.stringify([name, labels])
    let histogram = histograms.get(id)
    if (histogram === undefined) {
      histogram = { attributes, bounds: BOUNDS, counts: [], sum: 0 }
      histograms.set(id, histogram)
      metric.points.push(histogram)
    }
    if (part === 'sum') histogram.sum = value
    else histogram.counts[part] = value
  }
  return [...metrics.values()]
}

/** Prometheus' names end with their units. */
function unitOf(name: string): string {
  const base = name.replace(/_total$/, '')
  if (base.endsWith('_seconds')) return 's'
  return base.endsWith('_bytes') ? 'By' : ''
}

function keyValues(attributes: Attributes): object[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: anyValue(value) }],
  )
}

function anyValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}

/** JSON has no 64-bit numbers: OTLP writes them as text. Exact to a microsecond. */
function nanoseconds(epoch: number): string {
  return `${Math.round(epoch * 1_000)}000`
}
