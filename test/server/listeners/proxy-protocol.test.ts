import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../../src/certificates/index.js'
import type { Logger } from '../../../src/logging/index.js'
import { AddressList, clientAddress } from '../../../src/proxy/index.js'
import { listen } from '../../../src/server/listeners/listener.js'
import { ProxyProtocol } from '../../../src/server/listeners/proxy-protocol.js'
import { accessToken, gatewayInProcess } from '../../support/gateway-in-process.js'
import { answerOf, http2Client } from '../../support/http2-client.js'
import { exchangeRaw, httpServer } from '../../support/servers.js'

const HEADER = 'PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n'
const GET = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'

/** A listener that answers with its client's address. */
async function listener(t: Test, { secure = false, trusted = ['127.0.0.1'], timeout = 5_000 } = {}) {
  const said: string[] = []
  const say = (text: string) => void said.push(text)
  const logger = { warn: say, debug: say, info: say, error: say, debugEnabled: true } as unknown as Logger
  const { key, cert } = await ensureSelfSigned(t.testdir({}))
  const opened = await listen({
    host: '127.0.0.1',
    port: 0,
    limits: { maxHeaderSize: 8_192, maxUriLength: 4_096, timeout: 60_000, keepAlive: true, maxPipelinedRequests: 10 },
    onRequest: (req, res) => void res.end(clientAddress(req.socket)),
    proxyProtocol: new ProxyProtocol(new AddressList(trusted), logger, timeout),
    ...(secure ? { tls: { key, cert, minVersion: 'TLSv1.2' as const, maxVersion: 'TLSv1.3' as const } } : {}),
  })
  t.teardown(() => opened.close(0))
  return { ...opened, said }
}

t.test('the client that the header names is the client, however the bytes arrive', async (t) => {
  const { port } = await listener(t)
  t.match(await exchangeRaw(port, HEADER + GET), /\r\n\r\n192\.0\.2\.1$/)
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  for (const byte of HEADER + GET) {
    socket.write(byte)
    await new Promise(setImmediate)
  }
  await once(socket, 'close')
  t.match(answer, /\r\n\r\n192\.0\.2\.1$/)
})

t.test('a load balancer that speaks for itself is the client', async (t) => {
  const { port } = await listener(t)
  t.match(await exchangeRaw(port, `PROXY UNKNOWN\r\n${GET}`), /\r\n\r\n127\.0\.0\.1$/)
})

t.test('TLS begins behind the header, in the same packet or in another one', async (t) => {
  const { port } = await listener(t, { secure: true })
  const raw = connect(port, '127.0.0.1')
  raw.write(HEADER)
  const socket = connectTls({ socket: raw, rejectUnauthorized: false }).setEncoding('latin1')
  socket.write(GET)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  t.match(answer, /\r\n\r\n192\.0\.2\.1$/)

  // Puts the header in front of what the client sends first.
  const between = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    client.once('data', (hello) => {
      upstream.write(Buffer.concat([Buffer.from(HEADER), hello]))
      client.pipe(upstream).pipe(client)
    })
    for (const one of [client, upstream]) one.on('error', () => undefined)
  })
  between.listen(0, '127.0.0.1')
  await once(between, 'listening')
  t.teardown(() => between.close())
  const address = between.address()
  const through = connectTls({
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    rejectUnauthorized: false,
  })
  through.setEncoding('latin1').write(GET)
  answer = ''
  for await (const chunk of through) answer += chunk
  t.match(answer, /\r\n\r\n192\.0\.2\.1$/)
})

t.test('a connection without a header, or with a malformed one, is closed and logged', async (t) => {
  const { port, said } = await listener(t)
  for (const bytes of [GET, `PROXY TCP4 a b 1 2\r\n${GET}`, `PROXY ${'a'.repeat(200)}`])
    t.equal(await exchangeRaw(port, bytes), '')
  t.equal(said.filter((text) => text.startsWith('malformed PROXY protocol header')).length, 3)
})

t.test('a header that does not come in time closes the connection', async (t) => {
  const { port, said } = await listener(t, { timeout: 50 })
  t.equal(await exchangeRaw(port, 'PROXY TCP4'), '')
  t.match(said, [/^no PROXY protocol header in time/])
})

t.test('nobody but trusted proxies may say whom they speak for', async (t) => {
  const { port, said } = await listener(t, { trusted: ['192.0.2.0/24'] })
  t.equal(await exchangeRaw(port, HEADER + GET).catch(() => ''), '')
  t.match(said, [/^connection not from trustedProxies/])
})

t.test('upstreams are told of the client, over HTTP/1.1 and HTTP/2; what it says itself is not believed', async (t) => {
  const { origin } = await httpServer(t, (req, res) => res.end(String(req.headers['x-forwarded-for'])))
  const definition = `openapi: 3.0.3
info: { title: Api, version: '1' }
x-wso2-basePath: /api
x-wso2-production-endpoints: { urls: ['${origin}'] }
paths: { /a: { get: { responses: {} } } }
`
  const config = '  proxyProtocol = true\n  trustedProxies = ["127.0.0.1"]\n'
  const { httpPort, httpsPort } = await gatewayInProcess(t, definition, '', config)
  const authorization = `Bearer ${await accessToken()}`
  const head = `GET /api/a HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 198.51.100.1\r\nauthorization: ${authorization}\r\nconnection: close\r\n\r\n`
  t.match(await exchangeRaw(httpPort, HEADER + head), /\r\n\r\n192\.0\.2\.1$/)
  const raw = connect(httpsPort, '127.0.0.1')
  raw.write(HEADER)
  const session = http2Client(t, httpsPort, { socket: raw })
  t.match(await answerOf(session.request({ ':path': '/api/a', authorization })), { status: 200, body: '192.0.2.1' })
})
