import t from 'tap'
import { CrashPause } from '../../src/gateway/crash-pause.js'

t.test('deaths soon after a start are answered ever later, up to 30 s; a long life is forgiven', (t) => {
  const pause = new CrashPause()
  const delays = Array.from({ length: 11 }, () => pause.next(50))
  t.strictSame(delays, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000])
  t.equal(pause.next(30_000), 100)
  t.equal(pause.next(29_999), 200)
  t.end()
})
