import t from 'tap'
import { RequestHistory } from '../../src/gateway/request-history.js'

t.test('each look tells what was counted since the last one, for the last 120', async (t) => {
  let counts: Record<string, number> = { upstream: 5 }
  const history = new RequestHistory(async () => counts, 60_000)
  t.teardown(() => history.close())
  t.strictSame(history.recent, { interval: 60_000, counts: {} })
  await history.look()
  counts = { upstream: 5, revoked: 2 }
  await history.look()
  counts = { upstream: 1, revoked: 3 }
  await history.look()
  t.strictSame(history.recent.counts, { upstream: [5, 0, 0], revoked: [0, 2, 1] }, 'nothing is counted negative')
  for (let i = 0; i < 120; i++) await history.look()
  t.strictSame(history.recent.counts, {}, 'what is over is forgotten')
})
