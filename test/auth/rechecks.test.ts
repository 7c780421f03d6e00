import fc from 'fast-check'
import t from 'tap'
import { Rechecks } from '../../src/auth/rechecks.js'
import { TokenFlights } from '../../src/auth/token-cache.js'

const BOUND = 1_000

function rechecks() {
  const clock = { now: 0 }
  const flights = new TokenFlights()
  const checks = new Rechecks(BOUND, flights, () => clock.now)
  return { clock, checks, flights, usable: (generation: number) => generation >= checks.oldest }
}

t.test('without a revocation an answer is never due', async (t) => {
  const { clock, checks, flights, usable } = rechecks()
  clock.now = 1e9
  t.ok(usable(flights.generation))
  t.notOk(checks.isDue(flights.generation))
})

t.test('an older answer is due at once, and no longer used after half the bound, or all of it', async (t) => {
  const { clock, checks, flights, usable } = rechecks()
  const first = flights.generation
  checks.revoked()
  const second = flights.generation
  t.ok(checks.isDue(first) && usable(first))
  t.notOk(checks.isDue(second))
  clock.now = 499
  t.ok(usable(first))
  checks.revoked()
  clock.now = 500
  t.notOk(usable(first))
  t.ok(checks.isDue(second) && usable(second), 'the second revocation came after it')
  clock.now = 999
  t.ok(usable(second))
  clock.now = 1_000
  t.notOk(usable(second))
  t.notOk(checks.isDue(flights.generation))
})

t.test('after a flush nothing older is used', async (t) => {
  const { checks, flights, usable } = rechecks()
  const before = flights.generation
  checks.revoked()
  checks.flush()
  t.notOk(usable(before))
  t.ok(usable(flights.generation))
  t.notOk(checks.isDue(flights.generation))
})

t.test(
  'whatever happens when, no answer is used longer after a revocation than the bound, nor dropped too early',
  async () => {
    const step = fc.oneof(
      fc.record({ wait: fc.nat(700) }),
      fc.constant('revoke' as const),
      fc.constant('ask' as const),
      fc.constant('look' as const),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, checks, flights, usable } = rechecks()
        const answers: { at: number; generation: number; revokedAt: number }[] = []
        return steps.every((one) => {
          if (typeof one === 'object') clock.now += one.wait
          else if (one === 'ask') {
            void checks.oldest
            answers.push({ at: clock.now, generation: flights.generation, revokedAt: Number.POSITIVE_INFINITY })
          } else if (one === 'revoke') {
            checks.revoked()
            for (const answer of answers) answer.revokedAt = Math.min(answer.revokedAt, clock.now)
          }
          if (one !== 'look') return true
          return answers.every(({ at, generation, revokedAt }) => {
            if (usable(generation)) return clock.now < revokedAt + BOUND
            return clock.now >= at + BOUND / 2
          })
        })
      }),
    )
  },
)
