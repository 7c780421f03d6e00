import t from 'tap'
import { Promptness } from '../../src/revocation/promptness.js'

t.test('who asks after revocations began to come at once is told so', async (t) => {
  const promptness = new Promptness()
  const [early, late]: [boolean[], boolean[]] = [[], []]
  const forget = promptness.onChange((isLive) => early.push(isLive))
  t.strictSame(early, [], 'nothing is live yet')
  promptness.set(true)
  promptness.onChange((isLive) => late.push(isLive))
  promptness.set(false)
  forget()
  promptness.set(true)
  t.strictSame(early, [true, false])
  t.strictSame(late, [true, false, true])
  t.ok(promptness.isLive)
})
