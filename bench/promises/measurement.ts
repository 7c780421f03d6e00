import type { Teardowns } from '../../test/chaos/teardowns.js'
import type { Upstream } from '../../test/chaos/upstream.js'

/** A row of the table; samples are milliseconds. */
export interface Row {
  readonly fault: string
  readonly source: string
  /** Where the clock starts and stops. */
  readonly what: string
  readonly samples: readonly number[]
}

/** What is started and broken together. */
export interface Measurement {
  readonly name: string
  measure(t: Teardowns, issuer: Upstream, trials: number): Promise<Row[]>
}

/** The results of so many trials, one after the other. */
export async function repeat<Result>(trials: number, trial: () => Promise<Result>): Promise<Result[]> {
  const results: Result[] = []
  while (results.length < trials) results.push(await trial())
  return results
}
