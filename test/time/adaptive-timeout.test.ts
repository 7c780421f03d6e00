import t from 'tap'
import { AdaptiveTimeout } from '../../src/time/adaptive-timeout.js'

t.test('timeout grows each time that it was too short, up to what a whole listing may take', async (t) => {
  const timeout = new AdaptiveTimeout(60_000)
  const seen = [0, 1, 2, 3, 4].map(() => {
    const { ms } = timeout
    timeout.timedOut()
    return ms
  })
  t.strictSame(seen, [10_000, 20_000, 40_000, 60_000, 60_000])
})

t.test('it is twice what the store needed, and ten seconds at least', async (t) => {
  const timeout = new AdaptiveTimeout(60_000)
  for (const [needed, ms] of [
    [12_000, 24_000],
    [40_000, 60_000],
    [20, 10_000],
  ] as const) {
    timeout.answered(needed)
    t.equal(timeout.ms, ms)
  }
  t.equal(new AdaptiveTimeout(1_000).ms, 1_000, 'no more than a whole listing may take')
})
