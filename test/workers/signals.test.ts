import { once } from 'node:events'
import t from 'tap'
import { world } from '../support/gateway.js'
import { ask, http2Client } from '../support/http2-client.js'
import { pause, startCluster } from './cluster.js'

t.test('SIGTERM lets the requests of all workers end; the exit status is 0 and nobody is left', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startCluster(t, w, 2)
  const workers = await gateway.ready(2)
  const open = Array.from({ length: 6 }, () => gateway.status(token, 'slow'))
  await w.holding(6)
  const ended = gateway.process.end('SIGTERM')
  while (typeof (await gateway.connection()(token)) === 'number') await pause(10)
  for (const answer of w.held) answer()
  t.strictSame(new Set(await Promise.all(open)), new Set([200]))
  t.equal(await ended, 0)
  for (const { pid } of workers) t.notOk(lives(pid))
})

t.test('SIGTERM with open HTTP/2 streams: GOAWAY, they are answered, nothing new is, and all exit', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startCluster(t, w, 2)
  const workers = await gateway.ready(2)
  const sessions = Array.from({ length: 4 }, () => http2Client(t, Number(new URL(gateway.https).port)))
  const headers = { ':path': '/things/v1/thing/slow', authorization: `Bearer ${token}` }
  const open = sessions.flatMap((session) => [ask(session, headers), ask(session, headers)])
  await w.holding(8)
  const goneAway = sessions.map((session) => once(session, 'goaway'))
  const closed = sessions.map((session) => once(session, 'close'))
  const ended = gateway.process.end('SIGTERM')
  for (const [code] of await Promise.all(goneAway)) t.equal(code, 0, 'GOAWAY without an error')
  for (const session of sessions) t.throws(() => session.request(headers), { code: 'ERR_HTTP2_GOAWAY_SESSION' })
  t.equal(w.held.length, 8)
  for (const answer of w.held) answer()
  for (const answer of await Promise.all(open)) t.match(answer, { status: 200, body: '{"ok":true}', code: 0 })
  await Promise.all(closed)
  t.equal(await ended, 0)
  for (const { pid } of workers) t.notOk(lives(pid))
})

t.test('workers leave signals that the whole group gets to the primary', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startCluster(t, w, 2)
  const workers = await gateway.ready(2)
  const open = gateway.status(token, 'slow')
  await w.holding(1)
  for (const { pid } of workers) process.kill(pid, 'SIGINT')
  const ended = gateway.process.end('SIGINT')
  for (const answer of w.held) answer()
  t.equal(await open, 200)
  t.equal(await ended, 0)
})

t.test('a primary that is killed takes its workers with it at once: what is under way is refused', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startCluster(t, w, 2)
  const workers = await gateway.ready(2)
  const open = gateway.status(token, 'slow')
  await w.holding(1)
  const killed = performance.now()
  gateway.process.child.kill('SIGKILL')
  t.equal(await open, 503)
  t.ok(performance.now() - killed < 4_500, 'sooner than their lease ends')
  while (workers.some(({ pid }) => lives(pid))) await pause(20)
  t.equal(await gateway.process.ended(), 'SIGKILL')
})

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
