import t from 'tap'
import { world } from '../support/gateway.js'
import { pause, startCluster } from './cluster.js'

t.test('without a word from the primary, workers answer 503 after 5 s, and serve again when it is back', async (t) => {
  const w = await world(t)
  const [token, revoked] = [await w.token(), await w.token()]
  const gateway = await startCluster(t, w, 2)
  await gateway.ready(2)
  const connections = Array.from({ length: 8 }, () => gateway.connection())
  const all = () => Promise.all(connections.map((ask) => ask(token)))
  t.strictSame(new Set(await all()), new Set([200]))
  const stopped = performance.now()
  gateway.process.child.kill('SIGSTOP')
  t.teardown(() => gateway.process.child.kill('SIGCONT'))
  for (let seen = new Set<unknown>(); !(seen.size === 1 && seen.has(503)); seen = new Set(await all())) await pause(50)
  const after = performance.now() - stopped
  t.ok(after > 4_000 && after < 10_000, `503 after ${Math.round(after)} ms`)
  await w.revoke(revoked)
  gateway.process.child.kill('SIGCONT')
  for (let seen = new Set<unknown>(); !(seen.size === 1 && seen.has(200)); seen = new Set(await all())) await pause(20)
  t.pass('they serve again')
  for (const ask of connections) while ((await ask(revoked)) !== 401);
  t.pass('and know what happened meanwhile')
})

t.test('a worker that stood still does not serve what was revoked meanwhile', async (t) => {
  const w = await world(t)
  const [token, control] = [await w.token(), await w.token()]
  const gateway = await startCluster(t, w, 2)
  const [frozen] = await gateway.ready(2)
  const connections = Array.from({ length: 16 }, () => gateway.connection())
  await Promise.all(connections.map((ask) => ask(token)))
  const pid = frozen?.pid ?? 0
  process.kill(pid, 'SIGSTOP')
  await w.revoke(token)
  const lagging = async () => (await gateway.workers()).find((worker) => worker.pid === pid)?.lag
  while (((await lagging())?.entries ?? 0) === 0) await pause(20)
  while (((await lagging())?.ms ?? 0) < 5_500) await pause(50)
  process.kill(pid, 'SIGCONT')
  const statuses = await Promise.all(connections.map((ask) => ask(token)))
  t.ok(
    statuses.every((status) => status === 401 || status === 503),
    statuses.join(' '),
  )
  while (((await lagging())?.entries ?? 1) > 0) await pause(20)
  await gateway.ready(2)
  t.ok((await Promise.all(connections.map((ask) => ask(token)))).every((status) => status === 401))
  t.ok((await Promise.all(connections.map((ask) => ask(control)))).every((status) => status === 200))
})
