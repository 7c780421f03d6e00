import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Outcome, runChaos } from './run.js'
import { Teardowns } from './teardowns.js'

/**
 * A program: `node dist/test/chaos/chaos.js [--runs N] [--seed S] [--verbose]`. Run i has the seed S + i.
 * `--no-journal` and `--no-relisting` break the gateways on purpose: the runs must fail.
 */

/** A run with less shows nothing, and has failed. */
const LEAST_FAULTS = 5
const LEAST_REVOCATIONS = 200

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    'no-journal': { type: 'boolean', default: false },
    'no-relisting': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed)
const runs = Number(values.runs)
if (!Number.isInteger(first) || !Number.isInteger(runs)) throw new TypeError('--seed and --runs must be whole numbers')

let t = new Teardowns()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void t.end().finally(() => process.exit(1))) // leaves nothing behind, frozen or not
}
let failures = 0
let faults = 0
let revocations = 0
for (let run = 0; run < runs; run++) {
  t = new Teardowns()
  const options = {
    seed: first + run,
    journal: !values['no-journal'],
    ...(values['no-relisting'] ? { program: join(import.meta.dirname, 'gateway-without-relisting.js') } : {}),
    print: (line: string) => values.verbose && console.log(`  ${line}`),
  }
  const outcome = await runChaos(options, t)
  faults += outcome.faults
  revocations += outcome.revocations.all
  report(outcome)
  if (outcome.violations.length > 0 || outcome.faults < LEAST_FAULTS || outcome.revocations.all < LEAST_REVOCATIONS)
    failures++
}
console.log(`${runs} runs, ${faults} faults, ${revocations} revocations, ${failures} runs failed`)
process.exitCode = failures === 0 ? 0 : 1

function report({
  seed,
  faults,
  revocations: of,
  durable,
  enforced,
  requests,
  settledAfter,
  violations,
  logs,
}: Outcome) {
  const ways = `${of.broker} broker, ${of.etcd} etcd, ${of.both} both; ${durable} in etcd`
  const settled = settledAfter === undefined ? 'not settled' : `settled after ${settledAfter} ms`
  console.log(
    `seed ${seed}: ${faults} faults, ${of.all} revocations (${ways}), enforced ${enforced.join(' and ')}, ${requests} requests, ${settled}, ${violations.length} violations`,
  )
  if (violations.length === 0) return
  for (const violation of violations.slice(0, 20)) console.log(`  ${violation}`)
  if (violations.length > 20) console.log(`  and ${violations.length - 20} more`)
  if (values.verbose) for (const log of logs) console.log(log)
}
