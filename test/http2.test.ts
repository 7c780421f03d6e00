import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { accessToken, gatewayInProcess } from './support/gateway-in-process.js'
import { answerOf, ask, http2Client } from './support/http2-client.js'
import { insecureHttps } from './support/https-client.js'
import { httpServer } from './support/servers.js'

const SECURED = '{ responses: { default: { description: any } } }'
const OPEN = '{ x-wso2-disable-security: true, responses: { default: { description: any } } }'
const DEFINITION = (origin: string) => `
openapi: 3.0.0
info: { title: things, version: v1 }
x-wso2-basePath: /
x-wso2-production-endpoints: { urls: [${JSON.stringify(origin)}] }
paths:
  /secured: { get: ${SECURED}, post: ${SECURED} }
  /open/{any}: { get: ${OPEN}, post: ${OPEN}, put: ${OPEN}, delete: ${OPEN} }
`

interface Arrived {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

/** A gateway, its upstream, and a client's connection. `arrived` has the requests that reached the upstream. */
async function world(t: Test, listener: RequestListener, more = '', listenerConfig = '') {
  const arrived: Arrived[] = []
  let wake: () => void = () => undefined
  const { origin } = await httpServer(t, (req, res) => {
    arrived.push({ req, res })
    wake()
    listener(req, res)
  })
  const gateway = await gatewayInProcess(t, DEFINITION(origin), more, listenerConfig)
  const reached = async (count: number) => {
    while (arrived.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return arrived[count - 1] as Arrived
  }
  return { arrived, reached, gateway, session: http2Client(t, gateway.httpsPort) }
}

const echo: RequestListener = (req, res) => void req.pipe(res)
const CHUNK = Buffer.alloc(65_536)
const hello: RequestListener = (_, res) => void res.end('hello')

t.test('HTTP/2 and HTTP/1.1 are served on the same port; the upstream gets HTTP/1.1', async (t) => {
  const { gateway, session, arrived } = await world(t, hello)
  t.match(await ask(session, { ':path': '/open/a?b=c' }), { status: 200, body: 'hello', code: 0 })
  t.equal(session.alpnProtocol, 'h2')
  t.match(await insecureHttps(t)(`https://127.0.0.1:${gateway.httpsPort}/open/a`), { status: 200, body: 'hello' })
  t.match(arrived, [{ req: { httpVersion: '1.1', url: '/open/a?b=c' } }, { req: { httpVersion: '1.1' } }])
})

t.test('[http2] enable = false: HTTP/1.1 only', async (t) => {
  const { gateway } = await world(t, hello, '[http2]\nenable = false')
  const [error] = await once(http2Client(t, gateway.httpsPort), 'error')
  t.match(error, { code: /ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL|ERR_HTTP2_ERROR/ })
  t.match(await insecureHttps(t)(`https://127.0.0.1:${gateway.httpsPort}/open/a`), { status: 200 })
})

t.test('a body goes through both ways unchanged, whatever its size and framing', async (t) => {
  const { session } = await world(t, echo)
  const body = Buffer.alloc(1_000_000, 'abc')
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const chunked = await ask(session, { ':path': '/open/a', ':method': method }, body)
    t.ok(chunked.body === body.toString() && chunked.code === 0, method)
    const sized = await ask(session, { ':path': '/open/a', ':method': method, 'content-length': body.length }, body)
    t.ok(sized.body === body.toString() && sized.code === 0, `${method} with a length`)
    t.match(await ask(session, { ':path': '/open/a', ':method': method }, ''), { status: 200, body: '', code: 0 })
  }
})

t.test('requests of one connection are served at the same time', async (t) => {
  const waiting: ServerResponse[] = []
  const { session } = await world(t, (req, res) => {
    if (req.url !== '/open/last') return void waiting.push(res)
    res.end('last')
    for (const each of waiting) each.end('first')
  })
  const first = [ask(session, { ':path': '/open/a' }), ask(session, { ':path': '/open/b' })]
  t.match(await ask(session, { ':path': '/open/last' }), { body: 'last' })
  t.match(await Promise.all(first), [{ body: 'first' }, { body: 'first' }])
})

t.test('status and headers come back, repeated ones and those of HTTP/1.1 alone apart', async (t) => {
  const { session } = await world(t, (_, res) => {
    const headers = ['Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'X-Content-Type-Options', 'nosniff']
    const hops = ['Connection', 'X-Hop, keep-alive', 'X-Hop', '1', 'Keep-Alive', 'timeout=5', 'Upgrade', 'h2c']
    res.writeHead(418, 'Short And Stout', [...headers, 'X-Content-Type-Options', 'nosniff', ...hops])
    res.end('tea')
  })
  const { status, headers, body, code } = await ask(session, { ':path': '/open/a' })
  t.match({ status, body, code }, { status: 418, body: 'tea', code: 0 })
  t.match(headers, { 'set-cookie': ['a=1', 'b=2'], 'x-content-type-options': 'nosniff, nosniff' })
  for (const name of ['connection', 'keep-alive', 'upgrade', 'x-hop', 'transfer-encoding']) t.notOk(name in headers)
})

t.test('responses to HEAD, a 204 and a 304 have no body, and the connection goes on', async (t) => {
  const { session } = await world(t, (req, res) => {
    if (req.method === 'HEAD') return void res.writeHead(200, { 'content-length': 5 }).end()
    if (req.url === '/open/204') return void res.writeHead(204).end()
    res.writeHead(304, { 'content-length': 5, etag: '"a"' }).end()
  })
  const head = await ask(session, { ':path': '/open/a', ':method': 'HEAD' })
  t.match(head, { status: 200, headers: { 'content-length': '5' }, body: '', code: 0 })
  t.match(await ask(session, { ':path': '/open/204' }), { status: 204, body: '', code: 0 })
  t.match(await ask(session, { ':path': '/open/304' }), { status: 304, headers: { etag: '"a"' }, body: '', code: 0 })
  t.match(await ask(session, { ':path': '/none', ':method': 'HEAD' }), { status: 403, body: '', code: 0 })
})

t.test('a request reaches the upstream as HTTP/1.1: host, one cookie, no pseudo-headers', async (t) => {
  const { session, arrived } = await world(t, hello)
  await ask(session, {
    ':path': '/open/a',
    cookie: ['a=1', 'b=2', 'c=3'],
    te: 'trailers',
    'x-original-url': '/secured',
    'x-twice': ['1', '2'],
  })
  const headers = arrived[0]?.req.headers ?? {}
  t.match(headers, { cookie: 'a=1; b=2; c=3', 'x-twice': '1, 2' })
  t.notMatch(Object.keys(headers).join(), /:|x-original-url/)
})

t.test('a client that leaves aborts the request of the upstream', async (t) => {
  const { session, reached } = await world(t, (_, res) => void res.write('part'))
  const stream = session.request({ ':path': '/open/a' })
  stream.on('error', () => undefined)
  const { res } = await reached(1)
  await once(stream, 'data')
  const closed = once(res, 'close')
  stream.close(8)
  await closed
  const upload = session.request({ ':path': '/open/a', ':method': 'POST' }, { endStream: false })
  upload.on('error', () => undefined)
  upload.write('some')
  const second = await reached(2)
  const aborted = once(second.res, 'close')
  session.destroy()
  await aborted
})

t.test('a status that is none is a 502, and a 205 has no content, as over HTTP/1.1', async (t) => {
  const { gateway, session } = await world(t, (req, res) => {
    if (req.url === '/open/205') res.writeHead(205, { 'content-length': 2 }).end('ab')
    else res.writeHead(Number(req.url?.slice(6))).end()
  })
  const http1 = insecureHttps(t)
  for (const [of, status] of [
    [599, 599],
    [600, 502],
    [999, 502],
    [205, 205],
  ]) {
    t.match(await ask(session, { ':path': `/open/${of}` }), { status, code: 0 }, `${of}`)
    t.match(await http1(`https://127.0.0.1:${gateway.httpsPort}/open/${of}`), { status }, `${of} over HTTP/1.1`)
  }
})

t.test('an upstream that fails in the middle of a body resets the stream, and no other', async (t) => {
  const waiting: ServerResponse[] = []
  const { session, reached } = await world(t, (req, res) => {
    res.write('part')
    if (req.url === '/open/fails') setImmediate(() => res.destroy())
    else waiting.push(res)
  })
  const sibling = ask(session, { ':path': '/open/goes-on' })
  await reached(1)
  t.match(await ask(session, { ':path': '/open/fails' }), { status: 200, code: 2 })
  for (const res of waiting) res.end(' and the rest')
  t.match(await sibling, { status: 200, body: 'part and the rest', code: 0 })
})

t.test(
  'a slow client pauses the upstream, and a slow upstream the client; others of the connection go on',
  async (t) => {
    const flow = { sent: 0, taken: 0 }
    const { session } = await world(t, (req, res) => {
      if (req.url === '/open/other') return void res.end()
      if (req.method === 'POST') return void req.pause()
      const push = () => {
        while (!res.destroyed && flow.sent < 400_000_000) {
          flow.sent += CHUNK.length
          if (!res.write(CHUNK)) return void res.once('drain', push)
        }
      }
      push()
    })
    const download = session.request({ ':path': '/open/a' })
    await once(download, 'response') // nothing reads the body: its window of 64 KiB stays closed
    const upload = session.request({ ':path': '/open/a', ':method': 'POST' }, { endStream: false })
    const push = () => {
      if (flow.taken < 400_000_000) upload.write(CHUNK, push)
      flow.taken += CHUNK.length
    }
    push()
    // Stalled: neither goes on while many other requests come and go.
    for (let last = -1; flow.sent + flow.taken !== last; ) {
      last = flow.sent + flow.taken
      for (let i = 0; i < 50; i++) t.equal((await ask(session, { ':path': '/open/other' })).status, 200)
    }
    t.ok(flow.sent < 100_000_000 && flow.taken < 100_000_000, `${flow.sent} and ${flow.taken} bytes were buffered`)
    for (const stream of [download, upload]) stream.on('error', () => undefined).close()
  },
)

t.test('a whole answer reaches a client that is still sending, which is told to stop', async (t) => {
  const { session } = await world(
    t,
    (req, res) => void req.resume().on('end', () => res.end()),
    '',
    'maxEntityBodySize = 100000',
  )
  const upload = (path: string, bytes: number, headers = {}) => {
    const stream = session.request({ ':path': path, ':method': 'POST', ...headers }, { endStream: false })
    stream.write(Buffer.alloc(bytes))
    return answerOf(stream)
  }
  t.match(await upload('/secured', 40_000), { status: 401, code: 0 })
  t.match(await upload('/open/a', 200_000), { status: 413, code: 0 })
  t.match(await upload('/open/a', 100, { 'content-length': 200_000 }), { status: 413, code: 0 })
  t.match(await ask(session, { ':path': '/open/a' }), { status: 200 }, 'the connection goes on')
})

t.test('a body is asked for when the upstream reads it, and never if the request is refused', async (t) => {
  const { session } = await world(t, echo)
  const expecting = { ':method': 'POST', expect: '100-continue' }
  const stream = session.request({ ...expecting, ':path': '/open/a' }, { endStream: false })
  const answer = answerOf(stream)
  await once(stream, 'continue')
  stream.end('body')
  t.match(await answer, { status: 200, body: 'body', code: 0 })
  const refused = session.request({ ...expecting, ':path': '/secured' }, { endStream: false })
  refused.on('continue', () => t.fail('asked for'))
  t.match(await answerOf(refused), { status: 401, code: 0 })
  t.match(await ask(session, { ...expecting, ':path': '/open/a', expect: 'more' }, ''), { status: 417, code: 0 })
})

t.test('a body that stops, or drips, is a 408; one that waits for its upstream is not slow', async (t) => {
  const limits = 'minBodyRate = 100000\nbodyGracePeriod = 300'
  const { session, reached } = await world(
    t,
    (req, res) => {
      req
        .on('error', () => undefined)
        .on('end', () => res.end())
        .pause()
    },
    '',
    limits,
  )
  const upload = () => {
    const stream = session.request({ ':path': '/open/a', ':method': 'POST' }, { endStream: false })
    stream.write('some')
    return stream
  }
  const patient = upload()
  patient.end(Buffer.alloc(60_000))
  const waiting = answerOf(patient)
  const { req } = await reached(1)
  const stopped = answerOf(upload())
  const second = await reached(2)
  second.req.resume()
  const aborted = once(second.res, 'close')
  t.match(await stopped, { status: 408, code: 0 })
  await aborted
  const dripping = upload()
  const drip = setInterval(() => dripping.write('a'), 20)
  const third = await reached(3)
  third.req.resume()
  t.match(await answerOf(dripping), { status: 408, code: 0 })
  clearInterval(drip)
  req.resume()
  t.match(await waiting, { status: 200, code: 0 })
})

t.test('a token is required and looked up as over HTTP/1.1', async (t) => {
  const { session, arrived } = await world(t, hello)
  const authorization = `Bearer ${await accessToken()}`
  t.match(await ask(session, { ':path': '/secured' }), { status: 401, body: /900902/ })
  t.match(await ask(session, { ':path': '/secured', authorization: 'Bearer x' }), { status: 401, body: /900901/ })
  t.match(await ask(session, { ':path': '/secured', Authorization: authorization }), { status: 200 })
  t.match(await ask(session, { ':path': '/secured?access_token=x', authorization }), { status: 400 })
  t.match(await ask(session, { ':path': '/secured/../open/a', authorization }), { status: 400 })
  t.equal(arrived.length, 1)
})
