import { expose } from '../../src/metrics/exposition.js'
import type { Samples } from '../../src/metrics/samples.js'

/** The lines of `/metrics` that have a value. */
export async function lines(samples: Samples): Promise<string[]> {
  const { text } = await expose(samples)
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}
