import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FAULT_KINDS, type FaultKind } from './faults.js'
import { WAYS } from './ledger.js'
import { type ChaosOptions, type Outcome, runChaos } from './run.js'
import { Teardowns } from './teardowns.js'

/**
 * A program: `node dist/test/chaos/chaos.js [--runs N] [--seed S] [--faults 'gateway killed,etcd cut'] [--verbose]`. Run i
 * has the seed S + i. With `--faults` these are done, in this order, instead of drawn ones.
 * `--no-journal` and `--no-relisting` break the gateways on purpose: the runs must fail.
 */

/** A run with less shows nothing, and has failed. */
const LEAST_FAULTS = 5
const LEAST_REVOCATIONS = 200
const MOST_VIOLATIONS = 10

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    'no-journal': { type: 'boolean', default: false },
    'no-relisting': { type: 'boolean', default: false },
    faults: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed)
const runs = Number(values.runs)
if (!Number.isInteger(first) || !Number.isInteger(runs)) throw new TypeError('--seed and --runs must be whole numbers')

const chosen = values.faults?.split(',').map(readFault)

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
    ...(chosen === undefined ? {} : { faults: chosen }),
    print: (line: string) => values.verbose && console.log(`  ${line}`),
  }
  const outcome = await runOnFreePorts(options)
  faults += outcome.faults
  revocations += outcome.revocations.all
  report(outcome)
  if (
    outcome.violations.length > 0 ||
    (chosen === undefined && outcome.faults < LEAST_FAULTS) ||
    outcome.revocations.all < LEAST_REVOCATIONS
  )
    failures++
}
console.log(`${runs} runs, ${faults} faults, ${revocations} revocations, ${failures} runs failed`)
process.exitCode = failures === 0 ? 0 : 1

/** A port that another program took between two starts of a gateway spoils the run, which says nothing then: it is repeated, once. */
async function runOnFreePorts(options: ChaosOptions): Promise<Outcome> {
  let why: unknown
  try {
    const outcome = await runChaos(options, t)
    why = outcome.violations.find(({ what }) => what.includes('did not start') && what.includes('EADDRINUSE'))?.what
    if (why === undefined) return outcome
  } catch (error) {
    why = error
  }
  console.error(`seed ${options.seed} could not be run; repeating it:`, why)
  t = new Teardowns()
  return runChaos(options, t)
}

function readFault(name: string): FaultKind {
  const kind = FAULT_KINDS.find((each) => each === name.trim())
  if (kind === undefined) throw new TypeError(`--faults: ${name} is none of ${FAULT_KINDS.join(', ')}`)
  return kind
}

function report({ seed, faults, skipped, revocations: of, enforced, requests, pieces, ...outcome }: Outcome) {
  const ways = WAYS.map((way) => `${of.ways[way]} ${way}`).join(', ')
  const settled = outcome.settledAfter === undefined ? 'not settled' : `settled after ${outcome.settledAfter} ms`
  console.log(
    `seed ${seed}: ${faults} faults, ${of.all} revocations (${ways}; ${of.durable} in etcd, ${of.told} promised), enforced ${enforced.join(' and ')}, ${requests} requests, ${pieces} pieces of streams, ${settled}, ${outcome.violations.length} violations`,
  )
  for (const what of skipped) console.log(`  skipped: ${what}`)
  for (const { what, timeline } of outcome.violations.slice(0, MOST_VIOLATIONS)) {
    console.log(`  seed ${seed}: ${what}`)
    for (const line of timeline) console.log(`      ${line}`)
  }
  const more = outcome.violations.length - MOST_VIOLATIONS
  if (more > 0) console.log(`  and ${more} more`)
  if (values.verbose && outcome.violations.length > 0) for (const log of outcome.logs) console.log(log)
}
