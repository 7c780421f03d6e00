import { join } from 'node:path'
import t from 'tap'
import { etcdMissing } from '../services/etcd.js'
import { type Outcome, runChaos } from './run.js'

/**
 * A chaos run that is green on a broken gateway shows nothing: two broken ones, which it must not call sound. Takes a minute of
 * two cores, and so runs with MGW_LONG_TESTS=1 only.
 */

/** A busy machine takes three times as long as an idle one. */
const LIMIT = 240_000
t.setTimeout(LIMIT)
// tap writes into the options that it is given: each test has its own.
const options = () => ({ skip: isLong ? etcdMissing() : 'runs with MGW_LONG_TESTS=1', timeout: LIMIT })
const isLong = process.env.MGW_LONG_TESTS === '1'

/** A seed whose one fault begins after a second, and lasts for another; the finale would add nothing. */
const BRIEF = { seed: 1, revocations: 60, finale: false }

t.test('gateways that never list again after a gap are found out', options(), async (t) => {
  const program = join(import.meta.dirname, 'gateway-without-relisting.js')
  const outcome = await runChaos({ ...BRIEF, journal: true, program, faults: ['etcd cut'] })
  t.match(found(outcome), /does not refuse .* \(revoked by etcd\) in time/)
})

t.test('gateways that keep no journal are found out', options(), async (t) => {
  const outcome = await runChaos({ ...BRIEF, journal: false, faults: ['gateway killed'] })
  t.match(found(outcome), /\(revoked by broker\) pass in life 2: it had refused it \d+ ms before/)
})

function found({ violations }: Outcome): string {
  return violations.map(({ what }) => what).join('\n')
}
