import { parseArgs } from 'node:util'
import { Teardowns } from '../chaos/teardowns.js'
import { runRespell } from './run.js'

/** A program: `node dist/test/respell/respell.js [--count N] [--seed S] [--workers N]`. */

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    workers: { type: 'string', default: '1' },
  },
})
const [count, seed, workers] = [Number(values.count), Number(values.seed), Number(values.workers)]
if (![count, seed, workers].every(Number.isInteger)) throw new TypeError('options must be whole numbers')

const t = new Teardowns()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void t.end().finally(() => process.exit(1)))
}
try {
  const { byStatus, byKind, controls, violations, seconds } = await runRespell({ count, seed, workers }, t)
  const described = (statuses: ReadonlyMap<number, number>) =>
    [...statuses]
      .sort()
      .map(([status, times]) => `${status}: ${times}`)
      .join('  ')
  for (const [kind, statuses] of [...byKind].sort()) console.log(`${kind.padEnd(44)} ${described(statuses)}`)
  console.log(`seed ${seed}: ${count} re-spellings in ${seconds.toFixed(1)} s  ${described(byStatus)}`)
  console.log(`${controls} requests with control tokens, ${violations.length} violations`)
  for (const violation of violations.slice(0, 20)) console.log(`  ${violation}`)
  process.exitCode = violations.length === 0 ? 0 : 1
} finally {
  await t.end()
}
