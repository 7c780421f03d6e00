// Clients that send their bodies too slowly, or stop in the middle: over raw sockets, against a whole gateway.
import { once } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { gatewayInProcess } from '../../support/gateway-in-process.js'
import { httpServer } from '../../support/servers.js'

const LIMITS = 'minBodyRate = 1000\nbodyGracePeriod = "100ms"\n'

const DEFINITION = (upstream: string) => `openapi: 3.0.3
info: { title: Uploads, version: '1.0' }
x-wso2-basePath: /uploads
x-wso2-disable-security: true
x-wso2-production-endpoints: { urls: ['${upstream}'] }
paths:
  /{name}: { post: { responses: {} } }
`

interface Arrived {
  readonly req: IncomingMessage
  /** Resolves when the connection of the request has gone before its end. */
  readonly aborted: Promise<unknown>
}

/** A gateway, and what has reached its upstream. By default the upstream reads, and answers at the end. */
async function world(t: Test, listener?: RequestListener, limits = LIMITS) {
  const arrived: Arrived[] = []
  const waiting: (() => void)[] = []
  const { origin } = await httpServer(t, (req, res) => {
    arrived.push({ req, aborted: once(req, 'aborted') })
    req.on('error', () => undefined)
    for (const wake of waiting.splice(0)) wake()
    if (listener !== undefined) return listener(req, res)
    req.resume().on('end', () => res.end('whole'))
  })
  const gateway = await gatewayInProcess(t, DEFINITION(origin), '', limits)
  const came = async (name: string): Promise<Arrived> => {
    for (;;) {
      const found = arrived.find(({ req }) => req.url === `/${name}`)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  return { gateway, came }
}

/** A client that sends what it is told to, and all that came back, once the connection is closed or so far. */
function client(t: Test, port: number, secure = false) {
  const to = { port, host: '127.0.0.1', rejectUnauthorized: false }
  const socket: Socket = secure ? connectTls(to) : connect(to)
  t.teardown(() => socket.destroy())
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('error', () => undefined)
  // Not `once`: it rejects when a client that goes on sending is reset after its answer.
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)))
  const answered = async (part: string): Promise<void> => {
    while (!text.includes(part)) await once(socket, 'data')
  }
  return { socket, closed, answered }
}

const post = (name: string, framing: string) => `POST /uploads/${name} HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`
const CHUNKED = 'Transfer-Encoding: chunked'

t.test('a body that stops, or drips, is a 408, and its upstream request is aborted', async (t) => {
  const { gateway, came } = await world(t)
  for (const [secure, port] of [
    [false, gateway.httpPort],
    [true, gateway.httpsPort],
  ] as const) {
    const name = (kind: string) => `${kind}-${secure}`
    const stopped = client(t, port, secure)
    stopped.socket.write(`${post(name('stopped'), 'Content-Length: 1000')}part`)
    const chunked = client(t, port, secure)
    chunked.socket.write(`${post(name('chunked'), CHUNKED)}4\r\npart\r\n`)
    const dripping = client(t, port, secure)
    dripping.socket.write(`${post(name('dripping'), CHUNKED)}`)
    const drip = setInterval(() => dripping.socket.writable && dripping.socket.write('1\r\na\r\n'), 20)
    t.teardown(() => clearInterval(drip))
    const never = client(t, port, secure)
    never.socket.write(post(name('never'), 'Content-Length: 1000'))
    for (const [kind, { closed }] of Object.entries({ stopped, chunked, dripping, never })) {
      const answer = await closed
      t.match(answer, /^HTTP\/1\.1 408 [\s\S]*\r\nconnection: close\r\n[\s\S]*"code":408/i, name(kind))
      // Of a body that never begins the upstream has not heard.
      if (kind !== 'never') await (await came(name(kind))).aborted
    }
  }
})

t.test('a body that takes too long in all is a 408, at whatever rate it comes', async (t) => {
  const { gateway, came } = await world(t, undefined, 'minBodyRate = 0\nrequestTimeout = "300ms"\n')
  const flowing = client(t, gateway.httpPort)
  flowing.socket.write(post('flowing', CHUNKED))
  const flow = setInterval(() => flowing.socket.writable && flowing.socket.write(`3e8\r\n${'a'.repeat(1_000)}\r\n`), 10)
  t.teardown(() => clearInterval(flow))
  t.match(await flowing.closed, /^HTTP\/1\.1 408 /)
  await (await came('flowing')).aborted
})

t.test('a client that waits for its upstream is not slow, and what came fast may rest', async (t) => {
  const { gateway, came } = await world(t, (req, res) => {
    if (req.url !== '/held') req.resume()
    req.on('end', () => res.end('whole'))
  })
  const size = 4_000_000
  const held = client(t, gateway.httpPort)
  held.socket.write(post('held', `Content-Length: ${size}`))
  held.socket.write(Buffer.alloc(size))
  const fast = client(t, gateway.httpPort)
  fast.socket.write(`${post('fast', 'Content-Length: 100001')}${'a'.repeat(100_000)}`)
  const upload = await came('held')
  await came('fast')
  const slow = client(t, gateway.httpPort)
  slow.socket.write(`${post('slow', 'Content-Length: 10')}a`)
  t.match(await slow.closed, /^HTTP\/1\.1 408 /, 'begun after the others, over the limit before them')
  upload.req.resume()
  await held.answered('whole')
  fast.socket.write('a')
  await fast.answered('whole')
})

t.test('a client that takes nothing of its response loses it, and so does its upstream', async (t) => {
  const { gateway, came } = await world(
    t,
    (req, res) => {
      const write = () => {
        while (res.write(Buffer.alloc(65_536)));
        res.once('drain', write)
      }
      req.resume().on('end', write)
    },
    'minResponseRate = 1000000\nresponseGracePeriod = "100ms"\n',
  )
  for (const [secure, port] of [
    [false, gateway.httpPort],
    [true, gateway.httpsPort],
  ] as const) {
    const { socket } = client(t, port, secure)
    socket.removeAllListeners('data').pause()
    socket.write(`${post(`endless-${secure}`, 'Content-Length: 1')}a`)
    const { req } = await came(`endless-${secure}`)
    await new Promise((resolve) => req.socket.once('close', resolve))
    t.pass(`secure: ${secure}`)
  }
})

t.test('without a minimum rate a body may come as slowly as it likes', async (t) => {
  const { gateway, came } = await world(t, undefined, 'minBodyRate = 0\nbodyGracePeriod = "100ms"\n')
  const patient = client(t, gateway.httpPort)
  patient.socket.write(`${post('patient', 'Content-Length: 2')}a`)
  await came('patient')
  await t.test('while another gateway has one', async (t) => {
    const slow = client(t, (await world(t)).gateway.httpPort)
    slow.socket.write(`${post('slow', 'Content-Length: 2')}a`)
    t.match(await slow.closed, /^HTTP\/1\.1 408 /)
  })
  patient.socket.write('b')
  await patient.answered('whole')
})

t.test('a refused body that goes on coming does not cost the client its answer', async (t) => {
  const { gateway } = await world(t, undefined, 'maxEntityBodySize = 100000\n')
  const large = client(t, gateway.httpPort)
  large.socket.write(post('large', CHUNKED))
  large.socket.write(`${'f4240'}\r\n`)
  large.socket.write(Buffer.alloc(1_000_000, 'a'))
  t.match(await large.closed, /^HTTP\/1\.1 413 [\s\S]*"code":413/)
})

t.test('an upstream that answers before it has the whole body is passed on, and the connection closed', async (t) => {
  const { gateway, came } = await world(t, (_, res) => res.end('early'), '')
  const early = client(t, gateway.httpPort)
  early.socket.write(`${post('early', 'Content-Length: 1000')}part`)
  await came('early')
  t.match(await early.closed, /^HTTP\/1\.1 200 [\s\S]*early/)
})

t.test('what follows a body that was refused is never read as a request', async (t) => {
  const { gateway, came } = await world(t)
  const refused = client(t, gateway.httpPort)
  refused.socket.write(`${post('slow', 'Content-Length: 10')}a`)
  await refused.answered('408')
  refused.socket.write(`bcdefghij${post('smuggled', 'Content-Length: 1')}a`)
  await refused.closed
  const next = client(t, gateway.httpPort)
  next.socket.write(`${post('next', 'Content-Length: 1')}a`)
  await next.answered('whole')
  await came('next')
  t.equal(await Promise.race([came('smuggled').then(() => 'smuggled'), came('next').then(() => 'none')]), 'none')
})
