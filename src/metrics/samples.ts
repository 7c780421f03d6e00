import { METRICS, type MetricName } from './definitions.js'
import { BOUNDS, type Histogram } from './histogram.js'

/** Separates the parts of a key: it is in no label's value. */
const SEPARATOR = '\u0000'
/** Stands where a histogram's sample has its bucket: the sum of what was observed. */
const SUM = 'sum'

/** A sample's metric, the values of its labels, and of a histogram which bucket it is. */
export interface SampleName {
  readonly name: MetricName
  readonly labels: readonly string[]
  /** Index of a histogram's bucket, or its sum. */
  readonly part?: number | 'sum'
}

/**
 * Values of metrics, by name and labels. A plain map, so that a worker can send it to the primary; those of several
 * processes add up.
 */
export type Samples = Map<string, number>

/** Adds a value to a sample. */
export function add(samples: Samples, name: MetricName, labels: readonly string[], value: number): void {
  addTo(samples, keyOf(name, labels), value)
}

/** Adds what a histogram has observed. */
export function addHistogram(samples: Samples, name: MetricName, labels: readonly string[], from: Histogram): void {
  const key = keyOf(name, labels)
  for (let i = 0; i <= BOUNDS.length; i++) addTo(samples, `${key}${SEPARATOR}${i}`, from.counts[i] ?? 0)
  addTo(samples, `${key}${SEPARATOR}${SUM}`, from.sum)
}

/** Adds all samples of another process. */
export function addAll(samples: Samples, others: ReadonlyMap<string, number>): void {
  for (const [key, value] of others) addTo(samples, key, value)
}

/** Those samples that only grow: they count on after their process has exited. */
export function lasting(samples: ReadonlyMap<string, number>): Samples {
  return new Map([...samples].filter(([key]) => METRICS[readKey(key).name]?.type !== 'gauge'))
}

/** What a key names. */
export function readKey(key: string): SampleName {
  const [name, ...rest] = key.split(SEPARATOR) as [MetricName, ...string[]]
  const labels = METRICS[name].labels
  const part = rest[labels.length]
  if (part === undefined) return { name, labels: rest }
  return { name, labels: rest.slice(0, labels.length), part: part === SUM ? part : Number(part) }
}

function keyOf(name: MetricName, labels: readonly string[]): string {
  return [name, ...labels.map((value) => value.replaceAll(SEPARATOR, ' '))].join(SEPARATOR)
}

function addTo(samples: Samples, key: string, value: number): void {
  samples.set(key, (samples.get(key) ?? 0) + value)
}
