/*
 * What docs/what-is-promised.md says in numbers, with real brokers and a real etcd: how long from the end of each fault
 * until the gateway refuses what was revoked. Prints the table as Markdown, medians and maxima.
 *
 *   node dist/bench/promises/promises.js [--trials 5] [--only 'etcd']
 */
import { parseArgs } from 'node:util'
import { Teardowns } from '../../test/chaos/teardowns.js'
import { startUpstream } from '../../test/chaos/upstream.js'
import { percentile } from '../support/statistics.js'
import { brokerFaults } from './broker-faults.js'
import { processFaults } from './process-faults.js'
import { storeFaults } from './store-faults.js'
import type { Measurement } from './measurement.js'

const { values } = parseArgs({
  options: { trials: { type: 'string', default: '5' }, only: { type: 'string', default: '' } },
})
const trials = Number(values.trials)

console.log('| fault | source | from, to | median | max | of |')
console.log('| --- | --- | --- | --- | --- | --- |')
for (const measurement of [...brokerFaults, ...storeFaults, ...processFaults]) {
  if (measurement.name.includes(values.only)) await run(measurement)
}
process.exit()

async function run({ measure }: Measurement): Promise<void> {
  const t = new Teardowns()
  try {
    const rows = await measure(t, await startUpstream(t), trials)
    for (const { fault, source, what, samples } of rows) {
      const [median, max] = [0.5, 1].map((p) => time(percentile(samples, p)))
      console.log(`| ${fault} | ${source} | ${what} | ${median} | ${max} | ${samples.length} |`)
    }
  } finally {
    await t.end()
  }
}

function time(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}
