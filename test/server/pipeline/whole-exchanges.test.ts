// What of HTTP is neither head nor body: expectations, informational responses, trailers; and what must come through as it is.
import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { accessToken, gatewayInProcess } from '../../support/gateway-in-process.js'
import { answerOf, http2Client } from '../../support/http2-client.js'
import { exchangeRaw, tcpServer } from '../../support/servers.js'

const DEFINITION = (port: number) => `openapi: 3.0.3
info: { title: Api, version: '1' }
x-wso2-basePath: /api
x-wso2-production-endpoints: { urls: ['http://127.0.0.1:${port}'] }
paths:
  /open: { get: { x-wso2-disable-security: true, responses: {} }, post: { x-wso2-disable-security: true, responses: {} } }
  /secret: { post: { responses: {} } }
`

/** A gateway before an upstream that answers every request with some bytes. `seen` has what the upstream got. */
async function gateway(t: Test, answer: string, listenerConfig = '') {
  const seen: string[] = []
  const { port } = await tcpServer(t, (socket) => {
    let got = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      seen.push(chunk)
      got += chunk
      const [head = '', body = ''] = got.split('\r\n\r\n')
      if (body.length < Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0)) return
      got = ''
      socket.write(answer, 'latin1')
    })
  })
  return { ...(await gatewayInProcess(t, DEFINITION(port), '', listenerConfig)), seen }
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const upload = (path: string, more = '', version = '1.1') =>
  `POST /api${path} HTTP/${version}\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n${more}connection: close\r\n\r\n`

/** Sends the body once it is asked for. */
async function uploads(port: number, head: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
    if (answer.endsWith('HTTP/1.1 100 Continue\r\n\r\n')) socket.write('hello')
  })
  socket.write(head)
  await once(socket, 'close')
  return answer
}

t.test('a body is asked for once nothing refuses the request, and a refused one is not', async (t) => {
  const { httpPort, seen } = await gateway(t, OK)
  const bearer = (token: string) => `authorization: Bearer ${token}\r\n`
  t.match(await uploads(httpPort, upload('/secret')), /^HTTP\/1\.1 401 /)
  t.match(await uploads(httpPort, upload('/secret', bearer('a.b.c'))), /^HTTP\/1\.1 401 /)
  t.match(await uploads(httpPort, upload('/unknown')), /^HTTP\/1\.1 403 /)
  t.same(seen, [])
  const answer = await uploads(httpPort, upload('/secret', bearer(await accessToken())))
  t.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n.*ok$/s)
  t.match(seen.join(''), /^POST \/secret HTTP\/1\.1\r\n.*\r\n\r\nhello$/s)
  t.notMatch(seen.join(''), /expect/i)
})

t.test('a body is not asked for while its upstream cannot be reached, nor of HTTP/1.0', async (t) => {
  const { httpPort } = await gatewayInProcess(t, DEFINITION(1))
  t.match(await uploads(httpPort, upload('/open')), /^HTTP\/1\.1 502 /)
  const reached = await gateway(t, OK)
  t.match(await exchangeRaw(reached.httpPort, `${upload('/open', '', '1.0')}hello`), /^HTTP\/1\.1 200 /)
})

t.test('an expectation over HTTP/2 is met in the same way', async (t) => {
  const { httpsPort } = await gateway(t, OK)
  const session = http2Client(t, httpsPort)
  const ask = (path: string) => {
    const stream = session.request({ ':method': 'POST', ':path': path, expect: '100-continue', 'content-length': 5 })
    let continued = false
    stream.on('continue', () => {
      continued = true
      stream.end('hello')
    })
    return answerOf(stream).then(({ status }) => [status, continued])
  }
  t.same(await ask('/api/open'), [200, true])
  t.same(await ask('/api/secret'), [401, false])
})

const HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\n'
const GET = (more = '', version = '1.1') =>
  `GET /api/open HTTP/${version}\r\nhost: x\r\n${more}connection: close\r\n\r\n`

t.test('informational responses come through in their order, without what frames or closes', async (t) => {
  const { httpPort, httpsPort } = await gateway(t, `HTTP/1.1 102 Processing\r\n\r\n${HINTS}${OK}`)
  t.match(
    await exchangeRaw(httpPort, GET()),
    /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nlink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n.*ok$/s,
  )
  const stream = http2Client(t, httpsPort).request({ ':path': '/api/open' })
  const informed: unknown[] = []
  stream.on('headers', (headers) => informed.push([headers[':status'], headers.link]))
  t.match(await answerOf(stream), { status: 200, body: 'ok' })
  t.same(informed, [
    [102, undefined],
    [103, '</a.css>; rel=preload'],
  ])
})

t.test('HTTP/1.0 gets no informational response, and nobody any number of them', async (t) => {
  const { httpPort } = await gateway(t, HINTS.repeat(100) + OK)
  t.match(await exchangeRaw(httpPort, GET('', '1.0')), /^HTTP\/1\.1 200 /)
  t.equal((await exchangeRaw(httpPort, GET())).match(/HTTP\/1\.1 103/g)?.length, 32)
})

const TRAILED = [
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum, set-cookie\r\n\r\n',
  '2\r\nok\r\n0\r\nX-Sum: 42\r\nSet-Cookie: a=b\r\nContent_Length: 5\r\nAuthorization: Bearer a\r\nX-Sum: 43\r\n\r\n',
].join('')

t.test('trailers come through to clients that take them, but none that frames, routes or authenticates', async (t) => {
  const { httpPort, httpsPort, seen } = await gateway(t, TRAILED)
  const answer = await exchangeRaw(httpPort, GET('te: gzip, trailers\r\n'))
  t.match(answer, /\r\nTrailer: x-sum\r\n/)
  t.match(answer, /\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\nX-Sum: 43\r\n\r\n$/)
  t.match(seen.join(''), /\r\nTE: trailers\r\n/)
  const stream = http2Client(t, httpsPort).request({ ':path': '/api/open', te: 'trailers' })
  t.match(await answerOf(stream), {
    status: 200,
    body: 'ok',
    trailers: { 'x-sum': '42, 43', 'set-cookie': undefined },
    code: 0,
  })
})

t.test('other clients get the same body without trailers', async (t) => {
  const { httpPort, httpsPort, seen } = await gateway(t, TRAILED)
  for (const head of [GET(), GET('te: gzip\r\n'), GET('te: trailers\r\n', '1.0')]) {
    const answer = await exchangeRaw(httpPort, head)
    t.match(answer, /\r\n\r\n(2\r\nok\r\n0\r\n\r\n|ok)$/)
    t.notMatch(answer, /trailer|x-sum/i)
  }
  const stream = http2Client(t, httpsPort).request({ ':path': '/api/open' })
  t.match(await answerOf(stream), { status: 200, body: 'ok', trailers: {} })
  t.notMatch(seen.join(''), /\r\nte:/i)
})

t.test('an answer without a body that takes trailers is whole over HTTP/2', async (t) => {
  const { httpsPort } = await gateway(t, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n')
  const stream = http2Client(t, httpsPort).request({ ':path': '/api/open', te: 'trailers' })
  t.match(await answerOf(stream), { status: 200, body: '', code: 0 })
})

t.test('ranges, conditions and codings come through as they are, both ways', async (t) => {
  const part =
    'HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-3/9\r\ncontent-encoding: gzip\r\netag: "a"\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00'
  const { httpPort, seen } = await gateway(t, part)
  const asked = 'Range: bytes=0-3\r\nIf-Range: "a"\r\nAccept-Encoding: gzip\r\nIf-None-Match: "b"\r\n'
  const answer = await exchangeRaw(httpPort, GET(asked))
  t.match(
    answer,
    /^HTTP\/1\.1 206 Partial Content\r\ncontent-range: bytes 0-3\/9\r\ncontent-encoding: gzip\r\netag: "a"\r\n/,
  )
  t.ok(answer.endsWith('\r\n\r\n\x1f\x8b\x08\x00'))
  t.match(seen.join(''), asked)
})
