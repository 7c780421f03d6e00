import { parseArgs } from 'node:util'
import { MUTANTS } from './list.js'
import { applyMutant, type Catcher, type Mutant } from './mutant.js'
import { type Ran, Sandbox } from './sandbox.js'

/**
 * A program: `node dist/test/chaos/mutants/mutants.js [--only TEXT] [--tests] [--runs N] [--seed S]`. Undoes one promise after the
 * other in a copy of the build, and says whether the chaos test, or the test that is named, turns red. Exit status 1 if
 * one does not, or an edit no longer finds its place, or what should turn red is red already. `--tests`: without those that the chaos test catches.
 */

const { values } = parseArgs({
  options: {
    tests: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '1' },
    seed: { type: 'string', default: '4242' },
  },
})
const chosen = MUTANTS.filter(
  ({ promise, name, caughtBy }) =>
    `${promise}: ${name}`.includes(values.only) && !(values.tests && 'chaos' in caughtBy),
)
const sandbox = new Sandbox(process.cwd())
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void sandbox.stop().finally(() => process.exit(1)))
}
process.once('exit', () => sandbox.remove())

const rows: (readonly [mutant: string, by: string, verdict: string])[] = []
/** What the build does without any mutant, by what is run. */
const unbroken = new Map<string, Promise<Ran>>()
for (const mutant of chosen) {
  const verdict = await judge(mutant).catch((error: unknown) =>
    error instanceof Error ? error.message : String(error),
  )
  rows.push([`${mutant.promise}: ${mutant.name}`, describe(mutant.caughtBy), verdict])
  console.error(rows.at(-1)?.join(' | '))
}
console.log(['mutant | caught by | verdict', '--- | --- | ---', ...rows.map((row) => row.join(' | '))].join('\n'))
const survivors = rows.filter(([, , verdict]) => verdict !== 'caught')
console.log(`${rows.length} mutants, ${survivors.length} not caught`)
process.exitCode = survivors.length === 0 ? 0 : 1

async function judge(mutant: Mutant): Promise<string> {
  const { caughtBy } = mutant
  const program = 'test' in caughtBy ? caughtBy.test : describe(caughtBy)
  if (!unbroken.has(program)) unbroken.set(program, run(caughtBy))
  const before = await unbroken.get(program)
  if (before === undefined || sees(caughtBy, before)) return 'NOT JUDGED: red without it'
  const undo = applyMutant(mutant, sandbox.root)
  try {
    return sees(mutant.caughtBy, await run(mutant.caughtBy)) ? 'caught' : 'SURVIVED'
  } finally {
    undo()
  }
}

function run(by: Catcher): Promise<Ran> {
  if ('test' in by) return sandbox.run(`dist/test/${by.test}.test.js`)
  const { runs, seed } = values
  return sandbox.run('dist/test/chaos/chaos.js', '--runs', runs, '--seed', seed, '--faults', by.chaos.join(','))
}

/** Whether it found what it is to find; that a test turns red for another reason proves nothing. */
function sees(by: Catcher, { passed, output }: Ran): boolean {
  if (passed) return false
  if ('chaos' in by) return by.sees.test(output)
  const line = output.split('\n').find((each) => /^ *not ok \d+ - /.test(each) && each.includes(by.title))
  return line !== undefined
}

function describe(by: Catcher): string {
  return 'test' in by ? `${by.test}: ${by.title}` : `chaos: ${by.chaos.join(', ')}`
}
