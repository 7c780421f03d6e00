import t from 'tap'
import { keyManager } from '../auth/key-manager.js'
import { world } from '../support/gateway.js'
import { pause, startCluster } from './cluster.js'

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
