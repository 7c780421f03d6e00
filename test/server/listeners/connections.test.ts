// Clients that open too many connections, and clients that read nothing: over real sockets.
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex, Writable } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../../src/certificates/index.js'
import { createLogging } from '../../../src/logging/index.js'
import { type ConnectionLimits, Connections } from '../../../src/server/listeners/connections.js'
import { listen } from '../../../src/server/listeners/listener.js'

const NO_LIMITS = { most: Number.POSITIVE_INFINITY, mostOfClient: Number.POSITIVE_INFINITY }
const LIMITS = { maxHeaderSize: 8_192, maxUriLength: 4_096, timeout: 0, keepAlive: true, maxPipelinedRequests: 10 }
/** More than the operating system buffers for a client. */
const LARGE = Buffer.alloc(32_000_000)

interface Answering {
  readonly onRequest?: RequestListener
  readonly onUpgrade?: (socket: Duplex) => void
}

/** A plain listener and one with TLS, with limits in common, and the lines that they log. */
async function listeners(t: Test, limits: Partial<ConnectionLimits>, answering: Answering = {}) {
  const lines: string[] = []
  const logging = createLogging({ level: 'info', format: 'json', stream: { write: (line) => lines.push(line) } })
  const connections = new Connections({ ...NO_LIMITS, ...limits }, logging('Listener'))
  const { key, cert } = await ensureSelfSigned(t.testdir({}))
  const tls = { key, cert, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } as const
  const { onRequest = (_, res) => void res.end('served'), onUpgrade } = answering
  const options = { host: '', port: 0, limits: LIMITS, connections, onRequest }
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

/** Whether a connection is served; if not, it was closed. */
async function isServed(socket: Socket): Promise<boolean> {
  socket.write(GET)
  const data = once(socket, 'data').then(String, () => '')
  return (await Promise.race([data, closed(socket).then(() => '')])).startsWith('HTTP/1.1 200 ')
}

t.test('connections beyond the limit of all listeners are closed at once, until others leave', async (t) => {
  const { plain, secure, warnings } = await listeners(t, { most: 2 })
  const [first, second] = [client(t, plain), client(t, secure, { secure: true })]
  t.same(await Promise.all([isServed(first), isServed(second)]), [true, true])
  t.same([await isServed(client(t, plain)), await isServed(client(t, secure, { secure: true }))], [false, false])
  t.match(warnings(), [{ level: 'warn', msg: 'too many connections; closing new ones', limit: 2 }])
  t.equal(warnings().length, 1, 'one line a minute')
  first.destroy()
  while (!(await isServed(client(t, plain)))) await new Promise(setImmediate)
  t.equal(await isServed(client(t, secure, { secure: true })), false, 'that place is taken again')
})

t.test('the connections of one client are limited, those of others are not', async (t) => {
  const { plain, secure, warnings } = await listeners(t, { mostOfClient: 2 })
  const [first, second] = [client(t, plain), client(t, secure, { secure: true })]
  t.same(await Promise.all([isServed(first), isServed(second)]), [true, true])
  t.equal(await isServed(client(t, plain)), false)
  t.equal(await isServed(client(t, plain, { from: '127.0.0.2' })), true)
  t.equal(await isServed(client(t, plain, { from: '::1' })), true)
  t.match(warnings(), [{ msg: 'too many connections of one client; closing new ones', limit: 2, client: '127.0.0.1' }])
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
    const webSocket = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    for (const request of [GET, GET.replace('/', '/whole'), webSocket]) {
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
