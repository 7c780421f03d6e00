import { METRICS, type MetricName } from './definitions.js'
import { BOUNDS } from './histogram.js'
import { readKey, type Samples } from './samples.js'

/** The metrics in Prometheus' text format, and its content type. */
export interface Exposition {
  readonly contentType: string
  readonly text: string
}

/** A metric in the form that prom-client's registries exchange. */
interface Family {
  readonly name: MetricName
  readonly help: string
  readonly type: string
  readonly aggregator: 'sum'
  readonly values: Value[]
}

interface Value {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  readonly metricName?: string
}

/** Writes samples in Prometheus' text format. Metrics without a sample are left out. */
export async function expose(samples: Samples): Promise<Exposition> {
  const { AggregatorRegistry } = await import('prom-client') // loaded at the first scrape
  const registry = AggregatorRegistry.aggregate([familiesOf(samples)])
  return { contentType: registry.contentType, text: await registry.metrics() }
}

function familiesOf(samples: Samples): Family[] {
  const families = new Map<MetricName, Family>()
  const series = new Map<string, { family: Family; labels: Value['labels']; buckets: number[]; sum: number }>()
  for (const [key, value] of samples) {
    const { name, labels: values, part } = readKey(key)
    const { help, type, labels: names } = METRICS[name]
    const family = families.get(name) ?? { name, help, type, aggregator: 'sum', values: [] }
    families.set(name, family)
    const labels = Object.fromEntries(names.map((label, i) => [label, values[i] ?? '']))
    if (part === undefined) {
      family.values.push({ value, labels })
      continue
    }
    const id = JSON.stringify([name, values])
    const one = series.get(id) ?? { family, labels, buckets: [], sum: 0 }
    series.set(id, one)
    if (part === 'sum') one.sum = value
    else one.buckets[part] = value
  }
  for (const { family, labels, buckets, sum } of series.values()) {
    family.values.push(...histogramValues(family.name, labels, buckets, sum))
  }
  return [...families.values()]
}

/** Prometheus' buckets are cumulative. */
function histogramValues(name: string, labels: Value['labels'], buckets: readonly number[], sum: number): Value[] {
  let count = 0
  const values: Value[] = [...BOUNDS, '+Inf'].map((le, i) => {
    count += buckets[i] ?? 0
    return { value: count, labels: { le, ...labels }, metricName: `${name}_bucket` }
  })
  return [
    ...values,
    { value: sum, labels, metricName: `${name}_sum` },
    { value: count, labels, metricName: `${name}_count` },
  ]
}
