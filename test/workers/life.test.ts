import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import t from 'tap'
import { world } from '../support/gateway.js'
import { mgw } from '../support/mgw.js'
import { pause, startCluster } from './cluster.js'

t.test('a worker that is killed under load is replaced, and no request of its siblings fails', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startCluster(t, w, 2)
  const [victim, sibling] = await gateway.ready(2)
  let ended = false
  const outcomes: (readonly (number | string)[])[] = []
  const load = async () => {
    const [ask, seen] = [gateway.connection(), [] as (number | string)[]]
    while (!ended) {
      const outcome = await ask(token)
      seen.push(outcome)
      if (typeof outcome === 'string') break // it was the victim's
    }
    outcomes.push(seen)
  }
  const loads = Array.from({ length: 16 }, load)
  process.kill(victim?.pid ?? 0, 'SIGKILL')
  await gateway.process.printed(/a worker ended; another takes its place/)
  const after = await gateway.ready(2)
  ended = true
  await Promise.all(loads)
  t.ok(
    after.some(({ pid }) => pid === sibling?.pid),
    'the sibling lives',
  )
  t.notOk(after.some(({ pid }) => pid === victim?.pid))
  const whole = outcomes.filter((seen) => seen.every((outcome) => outcome === 200))
  t.ok(whole.length > 0, `${whole.length} of 16 connections were the sibling's`)
  for (const seen of outcomes) {
    t.ok(
      seen.slice(0, -1).every((outcome) => outcome === 200),
      'nothing but the request that was cut off failed',
    )
  }
})

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
  while (((await lagging())?.ms ?? 0) < 6_000) await pause(50)
  process.kill(pid, 'SIGCONT')
  const statuses = await Promise.all(connections.map((ask) => ask(token)))
  t.ok(
    statuses.every((status) => status === 401 || status === 503),
    statuses.join(' '),
  )
  while (((await lagging())?.entries ?? 1) > 0) await pause(20)
  t.ok((await Promise.all(connections.map((ask) => ask(token)))).every((status) => status === 401))
  t.ok((await Promise.all(connections.map((ask) => ask(control)))).every((status) => status === 200))
})

t.test('SIGTERM lets the requests of all workers end; the exit status is 0 and nobody is left', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startCluster(t, w, 2)
  const workers = await gateway.ready(2)
  const open = Array.from({ length: 6 }, () => gateway.status(token, 'slow'))
  while (w.held.length < 6) await pause(10)
  const ended = gateway.process.end('SIGTERM')
  while (typeof (await gateway.connection()(token)) === 'number') await pause(10)
  for (const answer of w.held) answer()
  t.strictSame(new Set(await Promise.all(open)), new Set([200]))
  t.equal(await ended, 0)
  for (const { pid } of workers) t.notOk(lives(pid))
})

t.test('workers leave signals that the whole group gets to the primary', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startCluster(t, w, 2)
  const workers = await gateway.ready(2)
  const open = gateway.status(token, 'slow')
  while (w.held.length < 1) await pause(10)
  for (const { pid } of workers) process.kill(pid, 'SIGINT')
  const ended = gateway.process.end('SIGINT')
  for (const answer of w.held) answer()
  t.equal(await open, 200)
  t.equal(await ended, 0)
})

t.test('a primary that is killed takes its workers with it, and what is under way ends first', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startCluster(t, w, 2)
  const workers = await gateway.ready(2)
  const open = gateway.status(token, 'slow')
  while (w.held.length < 1) await pause(10)
  gateway.process.child.kill('SIGKILL')
  while (typeof (await gateway.connection()(token)) === 'number') await pause(10)
  for (const answer of w.held) answer()
  t.equal(await open, 200)
  while (workers.some(({ pid }) => lives(pid))) await pause(20)
  t.equal(await gateway.process.ended(), 'SIGKILL')
})

t.test('a port that is taken is an error of the start', async (t) => {
  const w = await world(t)
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const file = w.configFile('', {}, 'gateway', 2)
  writeFileSync(file, readFileSync(file, 'utf8').replace('httpPort = 0', `httpPort = ${port}`))
  const gateway = mgw(t, ['start', '-c', file])
  t.equal(await gateway.ended(), 1)
  t.match(gateway.output(), /EADDRINUSE/)
})

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
