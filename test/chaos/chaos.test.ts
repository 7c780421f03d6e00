import { join } from 'node:path'
import t from 'tap'
import { etcdMissing } from '../services/etcd.js'
import { type Outcome, runChaos } from './run.js'

/** The short form of `chaos.ts`, which says what is done and checked. */

const options = { skip: etcdMissing(), timeout: 100_000 }
t.jobs = 2

/** A seed whose one fault begins after a second, and lasts for another; the finale would add nothing. */
const BRIEF = { seed: 1, revocations: 60, finale: false }

t.test('whatever is killed, frozen or cut: no revocation is lost, and none is taken back', options, async (t) => {
  const seed = Number(process.env.MGW_CHAOS_SEED ?? Math.floor(Math.random() * 1_000_000))
  t.comment(`MGW_CHAOS_SEED=${seed}`)
  const told: string[] = []
  const outcome = await runChaos({
    seed,
    journal: true,
    faults: ['etcd cut', 'gateway damaged', 'broker killed', 'primary killed', 'worker frozen'],
    print: (line) => told.push(line),
  })
  const { logs, ...figures } = outcome
  t.comment(JSON.stringify(figures))
  t.same(outcome.violations, [], { seed, told, logs: logs.map((log) => log.split('\n').slice(-40)) })
  t.ok(outcome.faults >= 5)
  t.ok(outcome.revocations.all >= 200)
})

t.test('gateways that never list again after a gap are found out', options, async (t) => {
  const program = join(import.meta.dirname, 'gateway-without-relisting.js')
  const outcome = await runChaos({ ...BRIEF, journal: true, program, faults: ['etcd cut'] })
  t.match(found(outcome), /does not refuse .* \(revoked by etcd\) in time/)
})

t.test('gateways that keep no journal are found out', options, async (t) => {
  const outcome = await runChaos({ ...BRIEF, journal: false, faults: ['gateway killed'] })
  t.match(found(outcome), /\(revoked by broker\) pass in life 2: it had refused it \d+ ms before/)
})

function found({ violations }: Outcome): string {
  return violations.map(({ what }) => what).join('\n')
}
