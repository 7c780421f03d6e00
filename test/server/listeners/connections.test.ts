// Clients that open too many connections, and clients that read nothing: over real sockets.
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex, Writable } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../../src/certificates/index.js'
import { createLogging } from '../../../src/logging/index.js'
import { AddressList, type ClientStream } from '../../../src/proxy/index.js'
import { type ConnectionLimits, Connections } from '../../../src/server/listeners/connections.js'
import { listen } from '../../../src/server/listeners/listener.js'
import { ask, http2Client } from '../../support/http2-client.js'
import * as h2 from '../../support/http2-frames.js'

const NO_LIMITS = {
  most: Number.POSITIVE_INFINITY,
  mostOfClient: Number.POSITIVE_INFINITY,
  trustedProxies: new AddressList(['127.0.0.3']),
}
const LIMITS = { maxHeaderSize: 8_192, maxUriLength: 4_096, timeout: 0, keepAlive: true, maxPipelinedRequests: 10 }
/** More than the operating system buffers for a client. */
const LARGE = Buffer.alloc(32_000_000)

interface Answering {
  readonly onRequest?: RequestListener
  readonly onUpgrade?: (socket: Duplex) => void
  readonly onStream?: (stream: ClientStream) => void
}

/** A plain listener and one with TLS, with limits in common, and the lines that they log. */
async function listeners(t: Test, limits: Partial<ConnectionLimits>, answering: Answering = {}) {
  const lines: string[] = []
  const logging = createLogging({ level: 'info', format: 'json', stream: { write: (line) => lines.push(line) } })
  const connections = new Connections({ ...NO_LIMITS, ...limits }, logging('Listener'))
  const { key, cert } = await ensureSelfSigned(t.testdir({}))
  const tls = { key, cert, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } as const
  const { onRequest = (_, res) => void res.end('served'), onUpgrade, onStream } = answering
  const options = { host: '', port: 0, limits: LIMITS, connections, onRequest, onStream }
  const upgraded = onUpgrade === undefined ? {} : { onUpgrade: (_: unknown, socket: Duplex) => onUpgrade(socket) }
  const plain = await listen({ ...options, ...upgraded })
  const secure = await listen({ ...options, ...upgraded, tls })
  t.teardown(() => Promise.all([plain.close(0), secure.close(0)]))
  const warnings = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return { plain: plain.port, secure: secure.port, warnings }
}

/** A client; it reads nothing unless it is told to. */
function client(t: Test, port: number, { secure = false, from = '127.0.0.1' } = {}): Socket {
  const to = { port, host: from.includes(':') ? '::1' : '127.0.0.1', localAddress: from }
  const socket = secure ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to)
  socket.on('error', () => undefined)
  t.teardown(() => socket.destroy())
  return socket
}

const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const WEB_SOCKET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

/** Whether a connection is served; if not, it was closed. */
async function isServed(socket: Socket, request = GET): Promise<boolean> {
  socket.write(request)
  const data = once(socket, 'data').then(String, () => '')
  return (await Promise.race([data, closed(socket).then(() => '')])).startsWith('HTTP/1.1 ')
}

t.test(
  'connections beyond the limit of all listeners are closed at once while those that are open are busy',
  async (t) => {
    const { plain, secure, warnings } = await listeners(
      t,
      { most: 3 },
      {
        onRequest: (_, res) => void res.write('begun'),
        onUpgrade: (socket) => void socket.resume().write('HTTP/1.1 101 Switching Protocols\r\n\r\n'),
      },
    )
    const [first, second, webSocket] = [client(t, plain), client(t, secure, { secure: true }), client(t, plain)]
    t.same(await Promise.all([isServed(first), isServed(second), isServed(webSocket, WEB_SOCKET)]), [true, true, true])
    t.same([await isServed(client(t, plain)), await isServed(client(t, secure, { secure: true }))], [false, false])
    t.match(warnings(), [{ level: 'warn', msg: 'too many connections; closing new ones', limit: 3 }])
    t.equal(warnings().length, 1, 'one line a minute')
    first.destroy()
    while (!(await isServed(client(t, plain)))) await new Promise(setImmediate)
    t.equal(await isServed(client(t, secure, { secure: true })), false, 'that place is taken again')
    t.notOk(webSocket.destroyed)
  },
)

t.test('at the limit an idle connection is closed for a new one, the longest-standing first', async (t) => {
  const { plain, secure, warnings } = await listeners(
    t,
    { most: 4 },
    {
      onRequest: (req, res) => void (req.url === '/busy' ? res.write('begun') : res.end('served')),
      onStream: (stream) => stream.respond(200, [], 'served'),
    },
  )
  const busy = client(t, plain)
  t.ok(await isServed(busy, GET.replace('/', '/busy')))
  const [http1, tls] = [client(t, plain), client(t, secure, { secure: true })]
  t.same([await isServed(http1), await isServed(tls)], [true, true])
  const http2 = http2Client(t, secure)
  t.equal((await ask(http2, { ':path': '/' })).status, 200)
  const ends = [closed(http1), closed(tls), new Promise<void>((resolve) => http2.once('close', () => resolve()))]
  const newer = []
  for (const [i, end] of ends.entries()) {
    const socket = client(t, plain)
    newer.push(socket)
    t.ok(await isServed(socket, GET.replace('/', '/busy')), `new connection ${i + 1}`)
    await end
  }
  t.equal(await isServed(client(t, plain)), false, 'nobody is idle any more')
  for (const socket of [busy, ...newer]) t.notOk(socket.destroyed)
  t.match(warnings(), [
    { msg: 'too many connections; closing idle ones', limit: 4 },
    { msg: 'too many connections; closing new ones' },
  ])
})

t.test('the connections of one client are limited, those of others are not', async (t) => {
  const { plain, secure, warnings } = await listeners(t, { mostOfClient: 2 })
  const [first, second] = [client(t, plain), client(t, secure, { secure: true })]
  t.same(await Promise.all([isServed(first), isServed(second)]), [true, true])
  t.equal(await isServed(client(t, plain)), false)
  t.equal(await isServed(client(t, plain, { from: '127.0.0.2' })), true)
  t.equal(await isServed(client(t, plain, { from: '::1' })), true)
  t.match(warnings(), [{ msg: 'too many connections of one client; closing new ones', limit: 2, client: '127.0.0.1' }])
  const ofProxy = Array.from({ length: 4 }, () => client(t, plain, { from: '127.0.0.3' }))
  t.same(
    await Promise.all(ofProxy.map((socket) => isServed(socket))),
    [true, true, true, true],
    'a proxy connects for many',
  )
  first.destroy()
  while (!(await isServed(client(t, plain)))) await new Promise(setImmediate)
})

t.test('a client that takes nothing is reset, whatever it goes on sending; one that reads is not', async (t) => {
  const pace = { bytesPerSecond: 1_000_000_000, grace: 200 }
  const endless = (out: Writable) => {
    const write = () => {
      while (out.write(LARGE.subarray(0, 65_536)));
      out.once('drain', write)
    }
    out.on('error', () => undefined)
    write()
  }
  const { plain, secure, warnings } = await listeners(
    t,
    { pace },
    {
      onRequest: (req, res) => (req.url === '/whole' ? res.end(LARGE) : endless(res)),
      onUpgrade: (socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
        endless(socket)
      },
    },
  )
  for (const [isSecure, port] of [
    [false, plain],
    [true, secure],
  ] as const) {
    const reading = client(t, port, { secure: isSecure }).resume()
    reading.write(GET)
    for (const request of [GET, GET.replace('/', '/whole'), WEB_SOCKET]) {
      const socket = client(t, port, { secure: isSecure })
      // Without a reader Node does not see the end of a connection: it is told by what can be written.
      const gone = closed(socket)
      socket.write(request)
      const drip = setInterval(() => socket.writable && socket.write('G'), 20)
      t.teardown(() => clearInterval(drip))
      await gone
      t.pass(`${isSecure} ${request.slice(0, 10)}`)
    }
    t.notOk(reading.destroyed, 'still read')
  }
  t.match(warnings(), [{ level: 'warn', msg: 'client takes its response too slowly; connection closed' }])
  t.equal(warnings().length, 1)
})

t.test(
  'over HTTP/2 a stream whose client takes too little of its response is reset, and its siblings live on',
  async (t) => {
    const pace = { bytesPerSecond: 100_000, grace: 200 }
    const { secure, warnings } = await listeners(
      t,
      { pace },
      {
        onStream: (stream) => {
          if (stream.req.url === '/small') return stream.respond(200, [], 'served')
          stream.begin(200, undefined, [])
          const write = () => {
            while (stream.write(LARGE.subarray(0, 65_536), write, () => undefined));
          }
          write()
        },
      },
    )
    const raw = await h2.rawHttp2(t, secure)
    const INTERNAL_ERROR = 2
    const isReset = (of: number) => raw.frame(({ type, stream }) => type === h2.TYPE.reset && stream === of)
    raw.send(h2.windowUpdate(0, 1_000_000), h2.headers(1, h2.pseudo('/none')), h2.headers(3, h2.pseudo('/drip')))
    const drip = setInterval(() => raw.send(h2.windowUpdate(3, 1)), 20)
    t.teardown(() => clearInterval(drip))
    const reading = http2Client(t, secure).request({ ':path': '/read' })
    const pacing = setInterval(() => reading.read(), 10)
    t.teardown(() => clearInterval(pacing))
    for (const stream of [1, 3])
      t.equal((await isReset(stream))?.payload.readUInt32BE(), INTERNAL_ERROR, `stream ${stream}`)
    raw.send(h2.headers(5, h2.pseudo('/small')))
    t.equal(await raw.answer(5), '200', 'another of the same connection')
    t.notOk(reading.closed, 'one that is read')
    t.match(warnings(), [{ level: 'warn', msg: 'client takes its response too slowly; stream reset' }])
  },
)
