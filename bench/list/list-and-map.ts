/*
 * What does a revoked token cost, in memory and in time, and what would it in a Map? Fills the revocation list and a
 * Map<string, number> with UUIDs, each in a process of its own, which checks the answers before it times them.
 * A Map holds 2^24 entries, so there is none of 20 million.
 *
 *   node dist/bench/list/list-and-map.js [millions ...]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Measured, Nanoseconds } from './measure.js'

const MILLION = 1_000_000
const MEASURE = fileURLToPath(new URL('./measure.js', import.meta.url))
const MAP_MAX = 2 ** 24

const counts = process.argv.length > 2 ? process.argv.slice(2).map((n) => Number(n) * MILLION) : [5e6, 20e6]

console.log('By the clock, and (in processor time).')
for (const count of counts) {
  report('list', count, await measure('list', count))
  if (count < MAP_MAX) report('Map', count, await measure('map', count))
}
report('rules', MILLION, await measure('rules', MILLION))
report('records of every kind, whole check,', MILLION, await measure('everything', MILLION))

async function measure(kind: string, count: number): Promise<Measured> {
  const child = fork(MEASURE, [kind, String(count)], { execArgv: ['--expose-gc', '--max-old-space-size=12000'] })
  const [measured] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the measurement ended with ${code}`))),
  ])) as [Measured]
  return measured
}

function report(name: string, count: number, m: Measured): void {
  const ns = ({ clock, cpu }: Nanoseconds) => `${clock.toFixed(0)} (${cpu.toFixed(0)}) ns`
  const ms = (clock: number, cpu: number) => `${clock.toFixed(1)} (${cpu.toFixed(1)}) ms`
  console.log(`${name}, ${count} entries
  buffers, resident    ${m.bufferBytes.toFixed(1)}, ${m.residentBytes.toFixed(1)} bytes an entry
  insert               ${ns(m.insert)}
  look-up: hit, miss   ${ns(m.hit)}, ${ns(m.miss)}
  longest 10 inserts   ${ms(m.stepMs, m.stepCpuMs)}; of an idle loop ${ms(m.idleStepMs, m.idleStepCpuMs)}
  full collection      ${ms(m.collectionMs, m.collectionCpuMs)}`)
}
