import t from 'tap'
import { keyManager } from '../auth/key-manager.js'
import { world } from '../support/gateway.js'
import { pause, startCluster } from './cluster.js'

const TOPIC = 'tokenRevocation'

t.test('workers forget what they introspected when the topic’s connection has a gap', async (t) => {
  const w = await world(t)
  const state = { active: true }
  const manager = await keyManager(t, () => ({ body: { active: state.active, token_type: 'Bearer' } }))
  const gateway = await startCluster(t, w, 2, w.keyManager(manager.origin))
  await gateway.ready(2)
  const connections = Array.from({ length: 8 }, () => gateway.connection())
  const all = async () => new Set(await Promise.all(connections.map((ask) => ask('opaque'))))
  t.strictSame(await all(), new Set([200]))
  t.ok(manager.asked.length <= 2, 'once a worker')
  state.active = false
  t.strictSame(await all(), new Set([200]), 'it is remembered: only a revocation would end it')
  w.broker.dropConnections()
  const since = performance.now()
  while (!(await all()).has(401)) await pause(10)
  for (let seen = await all(); seen.size > 1 || !seen.has(401); seen = await all()) await pause(10)
  t.comment(`${Math.round(performance.now() - since)} ms`)
  t.ok(performance.now() - since < 9_000, 'before it would have been asked for again in any case')
})

t.test('a revoked opaque token is refused in every spelling that its key manager takes for it', async (t) => {
  const w = await world(t)
  const name = (token = '') => token.toLowerCase().replace(/=+$/, '').replaceAll('_', '-')
  const active = new Set(['aBcD-one', 'aBcD-two', 'aBcD-three'].map(name))
  const manager = await keyManager(t, ({ form }) => ({
    body: { active: active.has(name(form.token)), token_type: 'Bearer', sub: 'bob' },
  }))
  const gateway = await startCluster(t, w, 2, `${w.keyManager(manager.origin)}\n  acceptPaddedTokens = true`)
  await gateway.ready(2)
  const connections = Array.from({ length: 8 }, () => gateway.connection())
  const all = async (token: string) => new Set(await Promise.all(connections.map((ask) => ask(token))))
  const refused = async (token: string) => {
    for (let seen = await all(token); seen.size > 1 || !seen.has(401); seen = await all(token)) {
      t.ok(
        [...seen].every((status) => status === 200 || status === 401),
        'nobody is turned away meanwhile',
      )
      await pause(10)
    }
  }
  const spellings = ['ABCD-ONE', 'abcd-one', 'aBcD-one=', 'ABCD-TWO', 'aBcD_three']
  for (const token of spellings) t.strictSame(await all(token), new Set([200]), token)
  active.delete('abcd-two')
  w.broker.publish(TOPIC, { revokedToken: 'aBcD-one', ttl: '3600' })
  for (const token of spellings.slice(0, 3)) await refused(token)
  t.ok(active.has('abcd-one'), 'whatever the key manager says')
  w.broker.publish(TOPIC, { revokedToken: 'aBcD-two', ttl: '3600' })
  await refused('ABCD-TWO')
  active.delete('abcd-three')
  const since = performance.now()
  w.broker.publish(TOPIC, { revokedToken: 'aBcD-three', ttl: '3600' })
  await refused('aBcD_three')
  t.comment(`${Math.round(performance.now() - since)} ms in a spelling that nobody foresaw`)
  t.ok(performance.now() - since < 5_000, 'long before the cache’s own time')
})
