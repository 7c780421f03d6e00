import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { contents, FAR, identity, pair, token } from './pair.js'

t.test('a new worker gets the whole list and acknowledges it', async (t) => {
  const p = pair(t)
  for (let n = 0; n < 20_000; n++) p.list.add(token(n), n % 2 === 0 ? 'topic' : 'hub', Date.now())
  p.list.add({ kind: 'subject', id: 'alice', revokedBefore: FAR, expiresAt: FAR }, 'admin', Date.now())
  p.list.add({ kind: 'issuer', iss: 'https://a.example', revokedBefore: FAR, expiresAt: FAR }, 'admin', Date.now())
  const following = p.replica.follow()
  t.notOk(p.replica.isKnown)
  await p.settle()
  await following
  t.strictSame(contents(p.replica.list), contents(p.list))
  t.ok(p.replica.isKnown)
  t.match(p.replica.find(identity(7)), { by: 'jti', source: 'hub' })
  t.match(p.subscription.status(), { state: 'in sync', acknowledged: 20_002, lag: { entries: 0, ms: 0 } })
})

t.test('a snapshot is sent no faster than it is acknowledged', async (t) => {
  const p = pair(t)
  for (let n = 0; n < 20_000; n++) p.list.add(token(n), 'hub', Date.now())
  void p.replica.follow()
  p.deliverUp()
  const blocks = () => p.down.filter(({ type }) => type === 'block').length
  while (blocks() < 8) await setImmediate()
  for (let turn = 0; turn < 5; turn++) await setImmediate()
  t.equal(blocks(), 8)
})

t.test(
  'a worker that falls behind serves nothing until it has a new snapshot, and then ends what it missed',
  async (t) => {
    const p = pair(t, { limits: { entries: 10, messages: 100 } })
    void p.replica.follow()
    await p.settle()
    const heard: string[] = []
    p.replica.onChange((entry) => heard.push(`${entry.hi} ${entry.lo}`))
    for (let n = 0; n < 50; n++) {
      p.list.add(token(n), 'topic', Date.now())
      p.publisher.flush()
    }
    t.equal(p.subscription.status()?.state, 'behind')
    t.ok(p.down.length < 20, 'it is sent nothing more')
    t.notOk(p.subscription.knows())
    while (p.down.length > 0) p.deliverDown()
    t.notOk(p.replica.isKnown, 'it does not answer for a list that it does not know')
    await p.settle()
    t.ok(p.replica.isKnown)
    t.strictSame(contents(p.replica.list), contents(p.list))
    t.equal(new Set(heard).size, 50, 'each change was told')
  },
)
