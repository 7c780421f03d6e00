import t from 'tap'
import { RealtimeStatus } from '../../src/revocation/lookup.js'

t.test('listeners are told each change; one added while the topic is live is told at once', async (t) => {
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
