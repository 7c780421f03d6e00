import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../../src/certificates/index.js'
import type { ClientStream } from '../../../src/proxy/index.js'
import { Http2Connections, type Http2Limits, MAX_CONCURRENT_STREAMS } from '../../../src/server/listeners/http2.js'
import { ask, http2Client } from '../../support/http2-client.js'
import * as h2 from '../../support/http2-frames.js'

const LIMITS: Http2Limits = {
  maxHeaderSize: 8_192,
  maxUriLength: 4_096,
  timeout: 60_000,
  idleTimeout: 60_000,
  keepAlive: true,
}
const ENHANCE_YOUR_CALM = 11

type Serve = (stream: ClientStream) => void
const hello: Serve = (stream) => stream.respond(200, [], 'hello')

/** A TLS server whose connections are all HTTP/2. `served` has the requests that were read. */
async function listener(t: Test, serve: Serve = hello, limits: Partial<Http2Limits> = {}) {
  const served: ClientStream[] = []
  const connections = new Http2Connections({ ...LIMITS, ...limits }, (stream) => {
    served.push(stream)
    serve(stream)
  })
  const { key, cert } = await ensureSelfSigned(t.testdir({}))
  const server = createServer({ key, cert, ALPNProtocols: ['h2'] }, (socket) => connections.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    connections.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, connections, served }
}

const GET = h2.pseudo('/a')
const POST = h2.pseudo('/a', 'POST')

t.test('a request that HTTP/1.1 could read in two ways, or that HTTP/2 forbids, is not served', async (t) => {
  const { port, served } = await listener(t)
  const rows: readonly (readonly [what: string, fields: [string, string][]])[] = [
    ['connection', [...GET, ['connection', 'close']]],
    ['keep-alive', [...GET, ['keep-alive', 'timeout=5']]],
    ['proxy-connection', [...GET, ['proxy-connection', 'keep-alive']]],
    ['upgrade', [...GET, ['upgrade', 'websocket']]],
    ['transfer-encoding', [...POST, ['transfer-encoding', 'chunked']]],
    ['te that is not trailers', [...GET, ['te', 'gzip']]],
    ['an upper-case name', [...GET, ['X-Upper', '1']]],
    ['two hosts', [...GET, ['host', 'gateway'], ['host', 'other']]],
    ['another host than :authority', [...GET, ['host', 'other']]],
    ['no host', GET.filter(([name]) => name !== ':authority')],
    ['an empty :authority', GET.map(([name, value]) => [name, name === ':authority' ? '' : value])],
    ['user information', GET.map(([name, value]) => [name, name === ':authority' ? 'a@gateway' : value])],
    ['two :path', [...GET, [':path', '/b']]],
    ['two :method', [...GET, [':method', 'POST']]],
    ['no :path', GET.filter(([name]) => name !== ':path')],
    ['an empty :path', h2.pseudo('')],
    ['no :method', GET.filter(([name]) => name !== ':method')],
    ['no :scheme', GET.filter(([name]) => name !== ':scheme')],
    [':path in absolute form', h2.pseudo('http://gateway/a')],
    [':path without a slash', h2.pseudo('a')],
    [':path with a line break', h2.pseudo('/a HTTP/1.1\r\nx: y')],
    [':path with a space', h2.pseudo('/a b')],
    ['a method that is no token', h2.pseudo('/a', 'GET /b')],
    ...['trace', 'get', 'connect', 'PRI', '__proto__', 'GETX', ''].map((method): [string, [string, string][]] => [
      `the method '${method}'`,
      h2.pseudo('/a', method),
    ]),
    ['a scheme with a path', GET.map(([name, value]) => [name, name === ':scheme' ? 'https://other/b?' : value])],
    ['another scheme', GET.map(([name, value]) => [name, name === ':scheme' ? 'file' : value])],
    ['an unknown pseudo-header', [...GET, [':other', 'a']]],
    [':status', [...GET, [':status', '200']]],
    [':protocol', [...h2.pseudo('/a', 'CONNECT'), [':protocol', 'websocket']]],
    ['a pseudo-header after another field', [['x', 'y'], ...GET]],
    ['a length that is no number', [...POST, ['content-length', '+1']]],
    ['two lengths', [...POST, ['content-length', '0'], ['content-length', '1']]],
    ['a length, and no body', [...POST, ['content-length', '5']]],
  ]
  for (const [what, fields] of rows) {
    const raw = await h2.rawHttp2(t, port)
    raw.send(h2.headers(1, fields))
    t.match(await raw.answer(1), /^(?:400|reset 1|closed 1)$/, what)
    raw.socket.destroy()
  }
  t.strictSame(
    served.map(({ req }) => req.url),
    [],
  )
})

t.test('a field that cannot stand in HTTP/1.1 is left out, as if it had not been sent', async (t) => {
  const { port, served } = await listener(t)
  const names = ['a b', 'a:b', 'a\r\nb', 'a\0b', 'a\xe9', ''].map((name) => [name, 'Bearer a'] as const)
  const values = ['a\r\nhost: b', 'a\nb', 'a\0b', '\x7f', ' Bearer a', 'Bearer a\t'].map(
    (text) => ['authorization', text] as const,
  )
  for (const field of [...names, ...values]) {
    const raw = await h2.rawHttp2(t, port)
    raw.send(h2.headers(1, [...GET, field, ['x', 'y']]))
    t.match(await raw.answer(1), /^(?:200|400|reset 1)$/, JSON.stringify(field))
    raw.socket.destroy()
  }
  for (const { req } of served) t.strictSame(req.rawHeaders, ['host', 'gateway', 'x', 'y'])
})

t.test('a body of another length than announced is reset, and its end never comes', async (t) => {
  const ends: string[] = []
  const { port } = await listener(t, (stream) => {
    stream.body.resume().on('end', () => ends.push(stream.req.url ?? ''))
  })
  for (const sent of ['1234', '123456']) {
    const raw = await h2.rawHttp2(t, port)
    raw.send(
      h2.headers(1, [...POST, ['content-length', '5']], false),
      h2.frame(h2.TYPE.data, h2.FLAG.endStream, 1, sent),
    )
    t.match(await raw.answer(1), /^(?:reset 1|closed)/, `${sent.length} of 5`)
    raw.socket.destroy()
  }
  t.strictSame(ends, [])
})

t.test('an answer is never lost to a body that is still to come', async (t) => {
  const { port } = await listener(t, (stream) => {
    const answer = () => stream.respond(404, [], stream.req.url === '/empty' ? '' : 'none')
    if (stream.req.url === '/late') setImmediate(answer)
    else answer()
  })
  const raw = await h2.rawHttp2(t, port)
  const paths = ['/empty', '/full', '/late'].flatMap((path) => Array<string>(10).fill(path))
  raw.send(...paths.map((path, i) => h2.headers(1 + 2 * i, h2.pseudo(path, 'POST'), false)))
  raw.send(...paths.map((_, i) => h2.frame(h2.TYPE.data, 0, 1 + 2 * i, 'part')))
  for (const [i, path] of paths.entries()) {
    const stream = 1 + 2 * i
    t.equal(await raw.answer(stream), '404', path)
    const isEnd = ({ flags, stream: of }: h2.Frame) => of === stream && (flags & h2.FLAG.endStream) !== 0
    t.ok(await raw.frame(isEnd), 'whole')
    const reset = await raw.frame(({ type, stream: of }) => type === h2.TYPE.reset && of === stream)
    t.equal(reset?.payload.readUInt32BE(), 0, 'and the client is told to stop')
  }
})

t.test('more requests at a time than announced are refused', async (t) => {
  const { port, served } = await listener(t, () => undefined)
  const raw = await h2.rawHttp2(t, port)
  for (let i = 0; i <= MAX_CONCURRENT_STREAMS; i++) raw.send(h2.headers(1 + 2 * i, GET))
  const REFUSED_STREAM = 7
  t.equal(await raw.answer(1 + 2 * MAX_CONCURRENT_STREAMS), `reset ${REFUSED_STREAM}`)
  t.equal(served.length, MAX_CONCURRENT_STREAMS)
})

t.test('headers beyond the limit are answered 431, and far beyond it reset', async (t) => {
  const { port, served } = await listener(t)
  const raw = await h2.rawHttp2(t, port)
  raw.send(h2.headers(1, [...GET, ['x', 'a'.repeat(8_150)]]))
  t.equal(await raw.answer(1), '200')
  raw.send(h2.headers(3, [...GET, ['x', 'a'.repeat(8_190)]]))
  t.equal(await raw.answer(3), '431')
  raw.send(h2.headers(5, [...GET, ['x', 'a'.repeat(9_000)], ...fields(300, 'a')]))
  t.equal(await raw.answer(5), `reset ${ENHANCE_YOUR_CALM}`)
  t.equal(served.length, 1)
})

t.test('a header compression bomb is reset: what it unpacks to is not kept', async (t) => {
  const { port, served } = await listener(t)
  const raw = await h2.rawHttp2(t, port)
  // A field of 4,000 bytes that enters the dynamic table, and 10,000 references of one byte to it (RFC 7541 §6.1).
  const entry = Buffer.concat([Buffer.of(0x40), h2.block([['x', 'a'.repeat(4_000)]]).subarray(1)])
  const bomb = Buffer.concat([h2.block(GET), entry, Buffer.alloc(10_000, 0x80 | 62)])
  raw.send(h2.frame(h2.TYPE.headers, h2.FLAG.endHeaders | h2.FLAG.endStream, 1, bomb))
  t.match(await raw.answer(1), /^(?:reset 11|closed)/)
  t.equal(served.length, 0)
})

/** Sends frames, round after round, until the connection is closed; resolves with how many. */
async function flood(raw: h2.RawHttp2, frames: (round: number) => Buffer, most = 20_000): Promise<number> {
  for (let round = 0; round < most; round++) {
    if (raw.socket.destroyed || raw.frames.some(({ type }) => type === h2.TYPE.goAway)) return round
    if (!raw.socket.write(frames(round)))
      await Promise.race([once(raw.socket, 'drain').catch(() => undefined), raw.closed])
    if (round % 50 === 49) await new Promise((resolve) => setImmediate(resolve))
  }
  return most
}

function fields(count: number, value: string): [string, string][] {
  return Array.from({ length: count }, (_, i) => [`x-${i}`, value])
}

t.test('each flood closes the connection, and none of its requests beyond the limit is served', async (t) => {
  const rows: Readonly<Record<string, { readonly frames: (round: number) => Buffer; readonly begin?: Buffer }>> = {
    'rapid reset': {
      frames: (round) => Buffer.concat([h2.headers(1 + 2 * round, GET), h2.reset(1 + 2 * round, 8)]),
    },
    'rapid reset with the code of no error': {
      frames: (round) => Buffer.concat([h2.headers(1 + 2 * round, GET), h2.reset(1 + 2 * round, 0)]),
    },
    'resets that the client provokes': {
      frames: (round) => Buffer.concat([h2.headers(1 + 2 * round, GET), h2.windowUpdate(1 + 2 * round, 0)]),
    },
    'malformed requests': {
      frames: (round) => h2.headers(1 + 2 * round, [...GET, ['connection', 'close']]),
    },
    CONTINUATION: {
      begin: h2.frame(h2.TYPE.headers, 0, 1, h2.block(GET)),
      frames: () => h2.frame(h2.TYPE.continuation, 0, 1, h2.block(fields(100, 'a'.repeat(100)))),
    },
    'empty CONTINUATION': {
      begin: h2.frame(h2.TYPE.headers, 0, 1, h2.block(GET)),
      frames: () => h2.frame(h2.TYPE.continuation, 0, 1),
    },
    SETTINGS: { frames: () => h2.settings() },
    'SETTINGS of many values': { frames: () => h2.settings(...Array.from({ length: 40 }, () => [4, 65_535] as const)) },
    PING: { frames: () => h2.frame(h2.TYPE.ping, 0, 0, Buffer.alloc(8)) },
    'empty DATA': {
      begin: h2.headers(1, POST, false),
      frames: () => h2.frame(h2.TYPE.data, 0, 1),
    },
  }
  for (const [what, { frames, begin }] of Object.entries(rows)) {
    // It does not answer at once: what is abandoned would else be answered before.
    const { port, served } = await listener(t, (stream) => void setTimeout(hello, 200, stream))
    const raw = await h2.rawHttp2(t, port)
    if (begin !== undefined) raw.send(begin)
    const sent = await flood(raw, frames)
    await raw.frame(({ type }) => type === h2.TYPE.goAway)
    t.ok(sent < 20_000, `${what}: closed after ${sent}, ${served.length} served`)
    t.ok(served.length < 1_000, what)
  }
})

t.test(
  'a response that is waited for outlives the time for its request, and a broken session ends at once',
  async (t) => {
    const { port, served } = await listener(t, (stream) => {
      if (stream.req.url !== '/large') return hello(stream)
      stream.begin(200, undefined, [])
      stream.write(
        Buffer.alloc(300_000),
        () => undefined,
        () => undefined,
      )
      stream.end()
    })
    const raw = await h2.rawHttp2(t, port)
    raw.send(h2.headers(1, h2.pseudo('/large', 'POST'), false), h2.headers(3, POST, false))
    await raw.frame(({ type, stream }) => type === h2.TYPE.reset && stream === 3)
    const isClosed = (served[0]?.body as ServerHttp2Stream | undefined)?.closed
    t.equal(isClosed, false, 'the stream is not closed while its response is unread')
    if (isClosed) return // Node's session would spin, and this process with it
    raw.send(h2.windowUpdate(0, 100_000), h2.windowUpdate(1, 100_000), h2.windowUpdate(0, 0x7fffffff))
    await raw.closed
  },
)

t.test('a client that grants no window, or a byte at a time, loses its streams', async (t) => {
  const large: Serve = (stream) => {
    stream.begin(200, undefined, [])
    const write = (): void => {
      for (let i = 0; i < 100; i++) {
        if (!stream.write(Buffer.alloc(16_384), write, () => stream.reset())) return
      }
      stream.end()
    }
    write()
  }
  const { port } = await listener(t, (stream) => (stream.req.url === '/large' ? large(stream) : hello(stream)), {
    timeout: 300,
  })
  const INTERNAL_ERROR = 2
  const isReset = (raw: h2.RawHttp2, of: number) =>
    raw
      .frame(({ type, stream }) => type === h2.TYPE.reset && stream === of)
      .then((frame) => frame?.payload.readUInt32BE())
  const raw = await h2.rawHttp2(t, port, h2.settings([4, 0]))
  const alive = setInterval(() => raw.send(h2.frame(h2.TYPE.priority, 0, 1, Buffer.alloc(5, 3))), 50)
  raw.send(h2.headers(1, GET), h2.headers(3, h2.pseudo('/large')), h2.headers(5, h2.pseudo('/large')))
  const drip = setInterval(() => raw.send(h2.windowUpdate(5, 1)), 20)
  for (const stream of [1, 3, 5]) t.equal(await isReset(raw, stream), INTERNAL_ERROR, `stream ${stream}`)
  clearInterval(drip)
  clearInterval(alive)
})

t.test('a window beyond 2^31-1 resets its stream, or closes the connection', async (t) => {
  const FLOW_CONTROL_ERROR = 3
  const { port } = await listener(t, () => undefined)
  const stream = await h2.rawHttp2(t, port)
  stream.send(h2.headers(1, GET), h2.windowUpdate(1, 0x7fffffff))
  t.match(await stream.answer(1), new RegExp(`^(?:reset|closed) ${FLOW_CONTROL_ERROR}$`))
  const connection = await h2.rawHttp2(t, port)
  connection.send(h2.windowUpdate(0, 0x7fffffff))
  await connection.closed
  const initial = await h2.rawHttp2(t, port, h2.settings([4, 1]))
  initial.send(h2.headers(1, GET), h2.windowUpdate(1, 0x7ffffffe), h2.settings([4, 2]))
  t.match(await initial.answer(1), /reset 3|closed/)
})

t.test('a connection without requests is closed in time, one with a request is not', async (t) => {
  const held: ClientStream[] = []
  const { port } = await listener(t, (stream) => void held.push(stream), { idleTimeout: 100 })
  const busy = await h2.rawHttp2(t, port)
  busy.send(h2.headers(1, GET))
  const silent = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  silent.resume().on('error', () => undefined)
  await once(silent, 'close')
  const idle = await h2.rawHttp2(t, port)
  const pings = setInterval(() => idle.send(h2.frame(h2.TYPE.ping, 0, 0, Buffer.alloc(8))), 50)
  await idle.closed
  clearInterval(pings)
  const unfinished = await h2.rawHttp2(t, port)
  unfinished.send(h2.frame(h2.TYPE.headers, 0, 1, h2.block(GET)))
  await unfinished.closed
  for (const stream of held) hello(stream)
  t.equal(await busy.answer(1), '200')
  await busy.closed
})

t.test('without keep-alive a connection ends with its last answer, however late its first request comes', async (t) => {
  const { port } = await listener(t, hello, { keepAlive: false })
  const raw = await h2.rawHttp2(t, port)
  for (let i = 0; i < 5; i++) {
    raw.send(h2.frame(h2.TYPE.ping, 0, 0, Buffer.alloc(8, i)))
    await raw.frame(({ type, payload }) => type === h2.TYPE.ping && payload[0] === i)
  }
  raw.send(h2.headers(1, GET))
  t.equal(await raw.answer(1), '200')
  await raw.closed
  t.ok(raw.frames.some(({ type }) => type === h2.TYPE.goAway))
})

t.test('draining sends GOAWAY, answers what is open, and then closes', async (t) => {
  const held: ClientStream[] = []
  const { port, connections } = await listener(t, (stream) => void held.push(stream))
  const [busy, idle] = [http2Client(t, port), http2Client(t, port)]
  await once(idle, 'remoteSettings')
  const answer = ask(busy, { ':path': '/a' })
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const goneAway = [once(busy, 'goaway'), once(idle, 'goaway')]
  const closed = [once(busy, 'close'), once(idle, 'close')]
  connections.drain()
  await Promise.all(goneAway)
  await closed[1]
  for (const stream of held) hello(stream)
  t.match(await answer, { status: 200, body: 'hello', code: 0 })
  await closed[0]
})

t.test('what is cut off never looks whole', async (t) => {
  const { port, connections } = await listener(t, (stream) => {
    stream.begin(200, undefined, [])
    stream.write(
      Buffer.from('part'),
      () => undefined,
      () => undefined,
    )
    if (stream.req.url === '/reset') stream.reset()
    else setImmediate(() => connections.destroy())
  })
  for (const path of ['/reset', '/destroyed']) {
    const raw = await h2.rawHttp2(t, port)
    raw.send(h2.headers(1, h2.pseudo(path)))
    const end = await raw.frame(({ type }) => type === h2.TYPE.reset || type === h2.TYPE.goAway)
    t.notOk(
      raw.frames.some(({ type, flags }) => type === h2.TYPE.data && (flags & h2.FLAG.endStream) !== 0),
      path,
    )
    if (path === '/reset') t.match(end, { type: h2.TYPE.reset, payload: Buffer.of(0, 0, 0, 2) })
  }
})
