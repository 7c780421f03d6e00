import t from 'tap'
import { etcdMissing } from '../services/etcd.js'
import { runChaos } from './run.js'

/** The short form of `chaos.ts`, which says what is done and checked. */

/** A busy machine takes three times as long as an idle one. */
const LIMIT = 240_000
t.setTimeout(LIMIT)
const options = { skip: etcdMissing(), timeout: LIMIT }

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
