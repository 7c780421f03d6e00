import t from 'tap'
import type { Refused } from '../../src/auth/authenticator.js'
import { EXPIRED } from '../../src/auth/refusals.js'
import { TokenFlights } from '../../src/auth/token-cache.js'

t.test('requests that bring a credential while it is checked share the check, and later ones do not', async (t) => {
  const flights = new TokenFlights()
  const check = held()
  const outcome = flights.start('a', () => check.outcome)
  t.equal(flights.find('a'), outcome)
  t.equal(flights.find('b'), undefined, 'another credential')
  check.end()
  t.equal(await outcome, EXPIRED)
  t.equal(flights.find('a'), undefined)
})

t.test(
  'requests do not join a check of an earlier generation, and its end leaves the later one in flight',
  async (t) => {
    const flights = new TokenFlights()
    const [before, after] = [held(), held()]
    const generations: number[] = []
    const begin = (check: ReturnType<typeof held>) =>
      flights.start('a', (generation) => {
        generations.push(generation)
        return check.outcome
      })
    const first = begin(before)
    flights.forget()
    t.equal(flights.find('a'), undefined)
    const second = begin(after)
    before.end()
    await first
    t.equal(flights.find('a'), second)
    t.equal(generations.at(-1), flights.generation)
    t.not(generations[0], flights.generation)
    after.end()
    await second
  },
)

t.test('a check that fails fails all who wait, and is not kept', async (t) => {
  const flights = new TokenFlights()
  const outcome = flights.start('a', async () => Promise.reject(new Error('no keys')))
  const joined = flights.find('a') ?? Promise.resolve(EXPIRED)
  await t.rejects(outcome, { message: 'no keys' })
  await t.rejects(joined, { message: 'no keys' })
  t.equal(flights.find('a'), undefined)
})

function held() {
  let end: () => void = () => undefined
  const outcome = new Promise<Refused>((resolve) => {
    end = () => resolve(EXPIRED)
  })
  return { outcome, end }
}
