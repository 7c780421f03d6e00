import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { etcdMissing, startEtcd } from './services/etcd.js'
import type { Issued } from './support/issuer.js'
import { type By, type IssuingWorld, type IssuingWorldOptions, issuingWorld } from './support/issuing-world.js'
import { EndlessUpstream, openStream, type Stream } from './support/streams.js'
import { servers } from './workers/cluster.js'

const DOWNLOAD = '/things/download'
const EVENTS = '/things/events'
const DEBUG = '[logging]\n  level = "debug"\n'

async function streamingWorld(t: Test, options: IssuingWorldOptions = {}) {
  const upstream = new EndlessUpstream()
  return { upstream, world: await issuingWorld(t, { ...options, upstream: upstream.listener }) }
}

/** Asserts that streams end as errors, with their upstream requests, and tells how long it took. */
async function areCut(t: Test, upstream: EndlessUpstream, streams: readonly Stream[], since: number, how: string) {
  const ends = await Promise.all(streams.map(({ over }) => over))
  for (const { end, code } of ends) t.match({ end, code }, { end: 'error', code: 'ECONNRESET' }, how)
  await Promise.all(streams.map(({ name }) => upstream.aborted(name)))
  const ms = ends.map(({ at }) => (at - since).toFixed(1))
  t.comment(`${how}: cut after ${ms.join(', ')} ms`)
}

/** Asserts that a stream still brings what the upstream sends. */
async function flows(upstream: EndlessUpstream, stream: Stream) {
  const text = `still there ${performance.now()}\n\n`
  upstream.write(stream.name, text)
  await stream.came(text)
}

const open = async (t: Test, { gateway }: IssuingWorld, { jwt }: Issued, origin = gateway.http) =>
  Promise.all([openStream(t, origin, DOWNLOAD, jwt), openStream(t, origin, EVENTS, jwt)])

t.test(
  'a revocation cuts the downloads and event streams of its token, over HTTP and HTTPS, and no others',
  async (t) => {
    const { upstream, world } = await streamingWorld(t)
    const control = await world.issue('ES256')
    const others = [...(await open(t, world, control)), ...(await open(t, world, control, world.gateway.https))]
    const bys: readonly By[] = ['jti', 'signature', 'token', 'subject', 'client', 'session']
    for (const by of bys) {
      const issued = await world.issue('ES256')
      const streams = [...(await open(t, world, issued)), ...(await open(t, world, issued, world.gateway.https))]
      const since = performance.now()
      await world.revoke(by, issued)
      await areCut(t, upstream, streams, since, `revoked by ${by}`)
      for (const other of others) await flows(upstream, other)
    }
    t.equal(world.gateway.process.output().match(/open requests of a revoked token ended.*requests=4/g)?.length, 6)

    const issued = await world.issue('ES256')
    const streams = await open(t, world, issued)
    const since = performance.now()
    await world.post({ jti: issued.jti })
    await areCut(t, upstream, streams, since, 'by an operator')
    for (const other of others) await flows(upstream, other)
  },
)

t.test('a revocation from the store ends open requests, too', { skip: etcdMissing() }, async (t) => {
  const etcd = await startEtcd(t)
  const persistent = `enablePersistentStorageRetrieval = true\ntype = "etcd"\nendpointURL = "${etcd.url}/v3/keys/jti/"`
  const { upstream, world } = await streamingWorld(t, { persistent })
  const [issued, control] = [await world.issue('ES256'), await world.issue('ES256')]
  const [streams, others] = [await open(t, world, issued), await open(t, world, control)]
  const since = performance.now()
  await etcd.ctl(3, 'put', `jti/${issued.jti}`, '{}')
  await areCut(t, upstream, streams, since, 'put to etcd (the start of etcdctl included)')
  for (const other of others) await flows(upstream, other)
})

t.test('each worker cuts those that it serves', async (t) => {
  const { upstream, world } = await streamingWorld(t, { workers: 2, more: DEBUG })
  const [issued, control] = [await world.issue('ES256'), await world.issue('ES256')]
  const streams: Stream[] = []
  while (streams.length < 8 || servers(world.gateway.process.output()).size < 2) {
    streams.push(...(await Promise.all([1, 2, 3, 4].map(() => open(t, world, issued)))).flat())
  }
  const others = await open(t, world, control)
  const since = performance.now()
  await world.revoke('subject', issued)
  await areCut(t, upstream, streams, since, 'two workers')
  for (const other of others) await flows(upstream, other)
  const lines = [...world.gateway.process.output().matchAll(/revoked token ended.*requests=(\d+)/g)]
  t.equal(lines.length, 2, 'each worker says how many')
  t.equal(
    lines.reduce((sum, [, count]) => sum + Number(count), 0),
    streams.length,
  )
})

t.test('what a client sees when its response is cut', async (t) => {
  const { world } = await streamingWorld(t)

  t.test('on the wire there is no last chunk', async (t) => {
    const issued = await world.issue('ES256')
    const socket = connect(Number(new URL(world.gateway.http).port), '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.on('error', () => undefined)
    const closed = new Promise((resolve) => socket.on('close', resolve))
    let answer = ''
    const begun = new Promise<void>((resolve) => {
      socket.setEncoding('latin1').on('data', (chunk) => {
        answer += chunk
        if (answer.includes('first')) resolve()
      })
    })
    socket.write(`GET ${EVENTS}?name=raw HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${issued.jwt}\r\n\r\n`)
    await begun
    await world.revoke('jti', issued)
    await closed
    t.match(answer, /transfer-encoding: chunked/i)
    t.notMatch(answer, /\r\n0\r\n/)
  })

  t.test('fetch rejects in the middle of the body', async (t) => {
    const issued = await world.issue('ES256')
    const answer = await fetch(`${world.gateway.http}${EVENTS}`, { headers: { authorization: `Bearer ${issued.jwt}` } })
    const reader = answer.body?.getReader()
    t.match(Buffer.from((await reader?.read())?.value ?? []).toString(), /first/)
    await world.revoke('jti', issued)
    await t.rejects(async () => await reader?.read(), { name: 'TypeError', message: 'terminated' })
  })
})

t.test('closeOpenRequests = false lets them go on; the next request is refused', async (t) => {
  const more = '[tokenRevocationConfig]\n  closeOpenRequests = false\n'
  const { upstream, world } = await streamingWorld(t, { more })
  const issued = await world.issue('ES256')
  const streams = await open(t, world, issued)
  await world.revoke('subject', issued)
  await world.revoke('jti', issued)
  await world.revoke('session', issued)
  const refused = await fetch(`${world.gateway.http}${EVENTS}`, { headers: { authorization: `Bearer ${issued.jwt}` } })
  t.equal(refused.status, 401)
  for (const stream of streams) await flows(upstream, stream)
})

t.test('a request that waits behind others of its connection is judged when its turn comes', async (t) => {
  let reached = 0
  let full: () => void = () => undefined
  const limit = new Promise<void>((resolve) => {
    full = resolve
  })
  const world = await issuingWorld(t, {
    upstream: () => {
      if (++reached === 10) full()
    },
  })
  const { jwt, jti } = await world.issue('ES256')
  const socket = connect(Number(new URL(world.gateway.http).port), '127.0.0.1').setEncoding('latin1')
  t.teardown(() => socket.destroy())
  socket.write(`GET /things/1 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${jwt}\r\n\r\n`.repeat(30))
  await limit
  await world.post({ jti })
  let answers = ''
  let statuses: string[] = []
  for await (const chunk of socket) {
    answers += String(chunk)
    statuses = [...answers.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status = '']) => status)
    if (statuses.length === 30) break
  }
  t.strictSame(statuses, Array<string>(30).fill('401'))
  t.equal(reached, 10, 'maxPipelinedRequests')
})

t.test('an upload whose token is revoked is answered 401, over HTTP and HTTPS, though it goes on coming', async (t) => {
  let arrived: () => void = () => undefined
  let aborted: () => void = () => undefined
  const world = await issuingWorld(t, {
    upstream: (req) => {
      req.on('error', () => undefined).on('aborted', () => aborted())
      req.once('data', () => arrived())
      req.resume()
    },
  })
  for (const origin of [world.gateway.http, world.gateway.https]) {
    const issued = await world.issue('ES256')
    const began = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const isAborted = new Promise<void>((resolve) => {
      aborted = resolve
    })
    const { port, hostname: host } = new URL(origin)
    const to = { port: Number(port), host, rejectUnauthorized: false }
    const socket = origin.startsWith('https') ? connectTls(to) : connect(to)
    t.teardown(() => socket.destroy())
    let answer = ''
    socket.setEncoding('latin1').on('error', () => undefined)
    socket.on('data', (text: string) => {
      answer += text
    })
    const closed = once(socket, 'close')
    socket.write('POST /things/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n')
    socket.write(`Authorization: Bearer ${issued.jwt}\r\n\r\n`)
    const more = () => {
      while (socket.writable && socket.write(Buffer.alloc(16_384)));
    }
    socket.on('drain', more)
    more()
    await began
    await world.revoke('jti', issued)
    await closed
    t.match(answer, /^HTTP\/1\.1 401 [\s\S]*\r\nconnection: close\r\n[\s\S]*"code":900901/i, origin.slice(0, 5))
    await isAborted // at the upstream, too
  }
})
