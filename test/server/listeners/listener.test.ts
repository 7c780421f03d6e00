import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { RequestListener, Server } from 'node:http'
import { connect, Server as NetServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../../src/certificates/index.js'
import { type Listener, type ListenerLimits, listen } from '../../../src/server/listeners/listener.js'
import { exchangeRaw } from '../../support/servers.js'

const LIMITS: ListenerLimits = {
  maxHeaderSize: 8_192,
  maxUriLength: 4_096,
  timeout: 60_000,
  keepAlive: true,
  maxPipelinedRequests: 10,
}

interface Options {
  readonly limits?: Partial<ListenerLimits>
  readonly secure?: boolean
  readonly onRequest?: RequestListener
  readonly onError?: (error: Error) => void
}

async function listener(t: Test, options: Options = {}): Promise<Listener> {
  const onRequest: RequestListener = options.onRequest ?? ((req, res) => void res.end(req.url))
  const { key, cert } = await ensureSelfSigned(t.testdir({}))
  const opened = await listen({
    host: '127.0.0.1',
    port: 0,
    limits: { ...LIMITS, ...options.limits },
    onRequest,
    onUpgrade: (_, socket) => socket.destroy(),
    ...(options.onError === undefined ? {} : { onError: options.onError }),
    ...(options.secure === true
      ? {
          onStream: (stream) => stream.respond(404, [], ''),
          tls: { key, cert, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' },
        }
      : {}),
  })
  t.teardown(() => opened.close(0))
  return opened
}

function client(t: Test, port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined)
  t.teardown(() => socket.destroy())
  return socket.resume()
}

t.test('a TLS handshake that does not finish is ended, whatever was sent of it', async (t) => {
  const { port } = await listener(t, { secure: true, limits: { handshakeTimeout: 50 } })
  const beginnings = [Buffer.of(0x16, 3, 1), Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), Buffer.alloc(0)]
  for (const bytes of beginnings) {
    const socket = client(t, port)
    socket.on('end', () => socket.end())
    if (bytes.length > 0) socket.write(bytes)
    await once(socket, 'close')
  }
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write('GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  t.match(String((await once(socket, 'data'))[0]), '/later')
})

t.test('a listener that closes waits for a TLS handshake no longer than for a request', async (t) => {
  const opened = await listener(t, { secure: true, limits: { handshakeTimeout: 60_000 } })
  for (const bytes of [Buffer.of(0x16, 3, 1), Buffer.alloc(0)]) {
    const accepted = new Promise<void>((resolve) => {
      const onAccepted = () => {
        unsubscribe('net.server.socket', onAccepted)
        resolve()
      }
      subscribe('net.server.socket', onAccepted)
    })
    const socket = client(t, opened.port)
    if (bytes.length > 0) socket.write(bytes)
    await accepted
  }
  await opened.close(20)
})

t.test('headers that come too slowly are answered 408, over TLS too', async (t) => {
  for (const secure of [false, true]) {
    const { port } = await listener(t, { secure, limits: { headersTimeout: 50 } })
    const to = { port, host: '127.0.0.1', rejectUnauthorized: false }
    const socket = secure ? connectTls(to) : connect(to)
    socket.write('GET / HTTP/1.1\r\nHost:')
    t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 408 /)
    await once(socket, 'close')
  }
})

t.test('a client that does not close its side after an error is cut off', async (t) => {
  const opened = await listener(t)
  const socket = client(t, opened.port)
  socket.write('NONSENSE\r\n\r\n')
  t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 400 /)
  await opened.close(60_000)
})

t.test('a client that goes on sending after an error still sees its answer', async (t) => {
  const { port } = await listener(t)
  const socket = client(t, port)
  socket.write('NONSENSE\r\n\r\n')
  socket.write(Buffer.alloc(1_000_000, 'more '))
  t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 400 /)
  await once(socket, 'end')
  socket.end()
  await once(socket, 'close')
})

/** Answers late, and notes what it was asked for. */
function noting() {
  const seen: string[] = []
  const onRequest: RequestListener = (req, res) => {
    seen.push(`${req.method} ${req.url}`)
    req.resume().on('end', () => setImmediate(() => res.end(req.url)))
  }
  return { seen, onRequest }
}

const H2C = 'Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n'
const BODY = 'GET /from-a-body HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = `POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n`

t.test('nothing behind a request whose upgrade is declined is read as a request', async (t) => {
  for (const [name, packets, expected] of [
    ['no body', [`GET /first HTTP/1.1\r\n${H2C}\r\n${POST}`, BODY], ['GET /first']],
    ['in a packet of its own', [`GET /first HTTP/1.1\r\n${H2C}\r\n`, POST + BODY, BODY], ['GET /first']],
    ['an unknown token', [`GET /first HTTP/1.1\r\n${H2C.replace('h2c', 'x/1')}\r\n${POST}`, BODY], ['GET /first']],
    ['a body', [`POST /first HTTP/1.1\r\n${H2C}Content-Length: 5\r\n\r\nhello${POST}`, BODY], ['POST /first']],
    [
      'a body later',
      [`POST /first HTTP/1.1\r\n${H2C}Content-Length: 5\r\n\r\n`, `hello${POST}`, BODY],
      ['POST /first'],
    ],
    [
      'chunks',
      [`POST /first HTTP/1.1\r\n${H2C}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n${POST}`, BODY],
      ['POST /first'],
    ],
    [
      'behind others',
      [`GET /0 HTTP/1.1\r\nHost: a\r\n\r\nGET /first HTTP/1.1\r\n${H2C}\r\n${POST}`, BODY],
      ['GET /0', 'GET /first'],
    ],
    ['no host', [`GET /first HTTP/1.1\r\n${H2C.slice(9)}\r\n${POST}`, BODY], []],
    ['an expectation', [`GET /first HTTP/1.1\r\n${H2C}Expect: more\r\n\r\n${POST}`, BODY], []],
  ] as const) {
    const { seen, onRequest } = noting()
    const { port } = await listener(t, { onRequest })
    const socket = client(t, port)
    const closed = once(socket, 'close')
    let answers = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      answers += text
    })
    socket.on('end', () => socket.end())
    for (const packet of packets) {
      // A packet of its own: the next is sent when the server has had this one.
      await new Promise((sent) => socket.write(packet, sent))
      if (packet !== packets.at(-1)) await served(t)
    }
    await closed
    t.same(seen, expected, name)
    t.equal([...answers.matchAll(/HTTP\/1\.1 /g)].length, Math.max(expected.length, 1), name)
    t.match(answers, /\r\nConnection: close\r\n/i, name)
  }
})

/** Passes when another server has answered a request that was sent now. */
async function served(t: Test): Promise<void> {
  const { port } = await listener(t)
  await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
}

t.test('a request without a Host is a 400', async (t) => {
  const { seen, onRequest } = noting()
  const { port } = await listener(t, { onRequest })
  t.match(await exchangeRaw(port, 'GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.match(await exchangeRaw(port, 'GET /old HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /)
  t.same(seen, ['GET /old'])
})

t.test('an expectation that is not known is a 417, and the connection is kept', async (t) => {
  const { port } = await listener(t)
  const last = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const answers = await exchangeRaw(port, `GET /a HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n${last}`)
  t.match(answers, /^HTTP\/1\.1 417 [\s\S]*HTTP\/1\.1 200 [\s\S]*\/last/)
})

t.test('an expectation that is not known does not hide a head that servers read in different ways', async (t) => {
  const { seen, onRequest } = noting()
  const { port } = await listener(t, { onRequest })
  const ambiguous = 'GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\nExpect: more\r\n\r\n'
  const answers = await exchangeRaw(port, `${ambiguous}GET /b HTTP/1.1\r\nHost: a\r\n\r\n`)
  t.match(answers, /^HTTP\/1\.1 400 /)
  t.notMatch(answers, /HTTP\/1\.1 [^4]/, 'and the connection ends with it')
  t.same(seen, [])
})

t.test('each error of an open listener is reported, and it stays open', async (t) => {
  const errors: string[] = []
  const servers: Server[] = []
  const started = (message: unknown) => servers.push((message as { server: Server }).server)
  subscribe('http.server.request.start', started)
  t.teardown(() => unsubscribe('http.server.request.start', started))
  const { port } = await listener(t, { onError: (error) => errors.push(error.message) })
  const get = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  await exchangeRaw(port, get)
  for (const message of ['first', 'second']) servers[0]?.emit('error', new Error(message))
  t.same(errors, ['first', 'second'])
  t.match(await exchangeRaw(port, get), /^HTTP\/1\.1 200 /)
})

t.test('an error after a listener failed to open does not end the process', async (t) => {
  const taken = await listener(t)
  const servers: NetServer[] = []
  const { listen: original } = NetServer.prototype
  t.teardown(() => {
    NetServer.prototype.listen = original
  })
  NetServer.prototype.listen = function (this: NetServer, ...args: unknown[]) {
    servers.push(this)
    return Reflect.apply(original, this, args)
  } as typeof original
  const options = { host: '127.0.0.1', port: taken.port, limits: LIMITS, onRequest: () => undefined }
  await t.rejects(listen(options), { code: 'EADDRINUSE' })
  t.doesNotThrow(() => servers[0]?.emit('error', new Error('second')))
  t.equal(servers.length, 1)
})

t.test('what a client pipelines while it has much to read is served byte for byte, over TLS too', async (t) => {
  const count = 40
  const answer = 'x'.repeat(100_000)
  for (const secure of [false, true]) {
    const seen: string[] = []
    const onRequest: RequestListener = (req, res) => {
      seen.push(`${req.url} ${req.headers['x-long']?.length}`)
      res.end(answer)
    }
    const { port } = await listener(t, { secure, onRequest })
    const to = { port, host: '127.0.0.1', rejectUnauthorized: false }
    const socket = secure ? connectTls(to) : connect(to)
    t.teardown(() => socket.destroy())
    const requests = Array.from({ length: count }, (_, i) => [
      `GET /${i} HTTP/1.1`,
      'Host: a',
      `X-Long: ${'y'.repeat(2_000)}`,
    ])
    requests.at(-1)?.push('Connection: close')
    socket.write(requests.map((lines) => `${lines.join('\r\n')}\r\n\r\n`).join(''))
    const answers = await text(socket)
    t.strictSame(
      seen,
      Array.from({ length: count }, (_, i) => `/${i} 2000`),
    )
    t.equal(answers.match(/HTTP\/1\.1 200 OK/g)?.length, count)
    t.notOk(answers.includes('HTTP/1.1 400'))
  }
})
