import fc from 'fast-check'
import t from 'tap'
import { Backoff, backoffDelay, jittered } from '../../src/time/backoff.js'

t.test('delays double from the first to the longest, and begin again after a success', async (t) => {
  const backoff = new Backoff({ first: 100, max: 1_000 })
  const delays = Array.from({ length: 6 }, () => backoff.next())
  t.strictSame(delays, [100, 200, 400, 800, 1_000, 1_000])
  backoff.reset()
  t.equal(backoff.next(), 100)
})

t.test('a longest delay below the first is the only one', async (t) => {
  t.equal(backoffDelay(1, { first: 100, max: 40 }), 40)
})

t.test('however many failures there are, the delay is a number within its limits', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1 }), (failures) => {
      const delay = backoffDelay(failures, { first: 250, max: 30_000 })
      return delay >= 250 && delay <= 30_000
    }),
  )
  t.pass('held')
})

t.test('jitter leaves half of a delay, and takes a random part of the other', async (t) => {
  const random = [0, 0.5, 0.999][Symbol.iterator]()
  const backoff = new Backoff({ first: 100, max: 100 }, () => random.next().value ?? 0)
  t.strictSame([backoff.next(), backoff.next()], [50, 75])
  t.ok(backoff.next() < 100)
  for (let i = 0; i < 100; i++) {
    const delay = jittered(100)
    t.ok(delay >= 50 && delay < 100)
  }
})
