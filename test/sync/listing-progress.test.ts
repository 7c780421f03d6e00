import t from 'tap'
import { ListingProgress } from '../../src/sync/listing-progress.js'
import { systemClock } from '../../src/time/index.js'

t.test('a listing tells how far it is, and what it came to', async (t) => {
  let now = 1_000
  const progress = new ListingProgress({ ...systemClock, now: () => now })
  t.strictSame(progress.state(), { succeeded: 0, failed: 0 })
  progress.begun(undefined)
  progress.read(64)
  t.strictSame(progress.state().current, { since: 1_000, records: 64 })
  progress.expects(100)
  t.strictSame(progress.state().current, { since: 1_000, records: 64, expected: 100 })
  progress.read(128)
  t.strictSame(progress.state().current, { since: 1_000, records: 128, expected: 128 }, 'never more than was expected')
  progress.failed()
  now = 2_000
  progress.begun(200)
  t.strictSame(progress.state(), { succeeded: 0, failed: 1, current: { since: 2_000, records: 0, expected: 200 } })
  progress.succeeded(2_000, 50, 201)
  t.strictSame(progress.state(), { succeeded: 1, failed: 1, last: { at: 2_000, ms: 50, records: 201 } })
})
