import t from 'tap'
import { world } from '../support/gateway.js'
import { refusers, startCluster } from './cluster.js'

t.test('a revocation reaches every worker, and one that is started later; the ports are one for all', async (t) => {
  const w = await world(t)
  const [token, control] = [await w.token(), await w.token()]
  const gateway = await startCluster(t, w, 3)
  const workers = await gateway.ready(3)
  t.equal(await gateway.fresh(token), 200)
  await w.revoke(token)
  while ((await gateway.fresh(token)) !== 401);
  const all = new Set(workers.map(({ pid }) => pid))
  const statuses = new Set<number>()
  while (refusers(gateway.process.output()).size < all.size) {
    for (const status of await Promise.all(Array.from({ length: 24 }, () => gateway.fresh(token)))) statuses.add(status)
  }
  t.strictSame([...statuses], [401])
  t.strictSame(refusers(gateway.process.output()), all)
  t.equal(await gateway.fresh(control), 200)
  t.match(
    await gateway.workers(),
    workers.map(({ pid }) => ({ pid, state: 'in sync', lag: { entries: 0 } })),
  )

  const [first] = workers
  process.kill(first?.pid ?? 0, 'SIGKILL')
  await gateway.process.printed(/worker exited; restarting it/)
  const after = await gateway.ready(3)
  t.equal(after.filter(({ pid }) => !all.has(pid)).length, 1, 'it was replaced')
  while (refusers(gateway.process.output()).size < all.size + 1) {
    for (const status of await Promise.all(Array.from({ length: 24 }, () => gateway.fresh(token)))) statuses.add(status)
  }
  t.strictSame([...statuses], [401], 'the new one knew it from its first request on')
  t.equal(gateway.process.output().match(/gateway started/g)?.length, 1)
})
