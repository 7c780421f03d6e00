import t from 'tap'
import { RealtimeStatus } from '../../src/revocation/realtime-status.js'

t.test('a listener that is added while the topic is live is told so', async (t) => {
  const realtimeStatus = new RealtimeStatus()
  const [early, late]: [boolean[], boolean[]] = [[], []]
  const forget = realtimeStatus.onChange((isLive) => early.push(isLive))
  t.strictSame(early, [], 'nothing is live yet')
  realtimeStatus.set(true)
  realtimeStatus.onChange((isLive) => late.push(isLive))
  realtimeStatus.set(false)
  forget()
  realtimeStatus.set(true)
  t.strictSame(early, [true, false])
  t.strictSame(late, [true, false, true])
  t.ok(realtimeStatus.isLive)
})
