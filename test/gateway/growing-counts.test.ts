import t from 'tap'
import { GrowingCounts } from '../../src/gateway/growing-counts.js'

t.test('what comes anew is added, and what goes takes nothing away', async (t) => {
  const counts = new GrowingCounts()
  const totals = [2, 2, 0, 1, 3].map((count) => counts.grow('a', count))
  t.strictSame(totals, [2, 2, 2, 3, 5])
  t.equal(counts.grow('b', 1), 1, 'each name has a count of its own')
})
