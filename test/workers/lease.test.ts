import { once } from 'node:events'
import { Agent, request } from 'node:http'
import t from 'tap'
import { startGateway } from '../support/gateway.js'
import { issuingWorld } from '../support/issuing-world.js'
import { EndlessUpstream, openStream } from '../support/streams.js'
import { webSocketWorld } from '../support/web-socket-gateway.js'
import { closeCode, openWebSocket } from '../support/web-sockets.js'
import { pause, type WorkerSeen } from './cluster.js'

const EVENTS = '/things/events'

async function workersOf(admin: string): Promise<readonly WorkerSeen[]> {
  const { workers } = (await (await fetch(`${admin}/ready`)).json()) as { workers: WorkerSeen[] }
  return workers
}

async function allListen(admin: string, count: number): Promise<readonly WorkerSeen[]> {
  for (;;) {
    const workers = await workersOf(admin)
    if (workers.filter(({ listening }) => listening).length === count) return workers
    await pause(20)
  }
}

t.test(
  'a primary that stands still: streams and WebSockets with a token end with the lease, others go on',
  async (t) => {
    const w = await webSocketWorld(t)
    const gateway = await startGateway(t, w.socketsConfig('', 'gateway', 2))
    await gateway.known()
    await allListen(gateway.admin, 2)
    const ws = `${gateway.http.replace('http', 'ws')}/sockets/v1`
    const { jwt } = await w.tokenOf('somebody')
    const headers = { authorization: `Bearer ${jwt}` }
    const clients = await Promise.all([1, 2, 3, 4].map(() => openWebSocket(t, `${ws}/echo/1`, { headers })))
    const open = await openWebSocket(t, `${ws}/open`)
    const unanswered = fetch(`${gateway.http}/things/v1/thing/slow`, { headers: await bearerOf(w) })
    await w.holding(1)
    const codes = clients.map(closeCode)
    const stopped = performance.now()
    gateway.process.child.kill('SIGSTOP')
    t.teardown(() => gateway.process.child.kill('SIGCONT'))
    t.strictSame(await Promise.all(codes), [1008, 1008, 1008, 1008])
    const answer = await unanswered
    t.equal(answer.status, 503)
    t.ok(answer.headers.has('retry-after'))
    t.ok(performance.now() - stopped > 4_000, 'not before the lease has ended')
    open.send('still there')
    t.equal(String((await once(open, 'message'))[0]), 'still there', 'what came without a token goes on')
    gateway.process.child.kill('SIGCONT')
    while ((await fetch(`${gateway.http}/things/v1/thing/1`, { headers: await bearerOf(w) })).status !== 200)
      await pause(20)
  },
)

async function bearerOf(w: { token(): Promise<string> }) {
  return { authorization: `Bearer ${await w.token()}` }
}

t.test('a worker that wakes after its lease passes on nothing that came meanwhile, either way', async (t) => {
  const endless = new EndlessUpstream()
  const uploaded: Buffer[] = []
  let uploading: () => void = () => undefined
  const begun = new Promise<void>((resolve) => {
    uploading = resolve
  })
  const world = await issuingWorld(t, {
    workers: 2,
    upstream: (req, res) => {
      if (req.method !== 'POST') return endless.listener(req, res)
      req.on('data', (chunk: Buffer) => {
        uploaded.push(chunk)
        uploading()
      })
      req.on('error', () => undefined)
    },
  })
  const { gateway } = world
  const workers = await allListen(gateway.admin, 2)
  const { jwt } = await world.issue('ES256')
  const streams = await Promise.all([1, 2, 3, 4].map(() => openStream(t, gateway.http, EVENTS, jwt)))
  const agent = new Agent()
  t.teardown(() => agent.destroy())
  const headers = { authorization: `Bearer ${jwt}`, 'content-type': 'text/plain' }
  const upload = request(`${gateway.http}/things/upload`, { method: 'POST', agent, headers })
  const refused = new Promise<number | undefined>((resolve) => {
    upload.on('response', (res) => resolve(res.resume().statusCode)).on('error', () => resolve(undefined))
  })
  upload.write('first')
  await begun
  for (const { pid } of workers) process.kill(pid, 'SIGSTOP')
  t.teardown(() => {
    for (const { pid } of workers) {
      try {
        process.kill(pid, 'SIGCONT')
      } catch {} // it has ended
    }
  })
  for (const { name } of streams) endless.write(name, 'data: too late\n\n')
  upload.write('too late')
  const lags = async () => (await workersOf(gateway.admin)).map(({ lag }) => lag?.ms ?? 0)
  while ((await lags()).some((ms) => ms < 5_500)) await pause(50)
  for (const { pid } of workers) process.kill(pid, 'SIGCONT')
  for (const { over, text } of streams) {
    t.equal((await over).end, 'error')
    t.notMatch(text(), /too late/)
  }
  t.ok([503, undefined].includes(await refused))
  t.equal(Buffer.concat(uploaded).toString(), 'first')
})
