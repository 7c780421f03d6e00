// Clients that leave while a key manager is asked about their tokens: over real sockets, against a whole gateway.
import { once } from 'node:events'
import { constants } from 'node:http2'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { gate, keyManager } from '../../auth/key-manager.js'
import { gatewayInProcess } from '../../support/gateway-in-process.js'
import { http2Client } from '../../support/http2-client.js'
import { httpServer } from '../../support/servers.js'

const DEFINITION = (upstream: string) => `openapi: 3.0.3
info: { title: Things, version: '1.0' }
x-wso2-basePath: /
x-wso2-production-endpoints: { urls: ['${upstream}'] }
paths:
  /things/{name}: { get: { responses: {} }, post: { responses: {} } }
  /silent: { get: { x-wso2-disable-security: true, responses: {} } }
`

/** A gateway whose key manager answers once it is told to, and what has reached the upstream. */
async function world(t: Test) {
  const reached: string[] = []
  const silentLeft = gate<void>()
  const { origin, server } = await httpServer(t, (req, res) => {
    reached.push(`${req.method} ${req.url}`)
    if (req.url === '/silent') res.on('close', silentLeft.open)
    else res.end('ok')
  })
  server.on('upgrade', ({ method, url }, socket) => {
    reached.push(`${method} ${url}`)
    socket.destroy()
  })
  const answer = gate<void>()
  const manager = await keyManager(t, async () => {
    await answer.opened
    return { body: { active: true, token_type: 'Bearer', sub: 'a', client_id: 'c', exp: Date.now() / 1000 + 3_600 } }
  })
  const gateway = await gatewayInProcess(
    t,
    DEFINITION(origin),
    `[keyManager]\nserverUrl = "${manager.origin}"\ntokenContext = "oauth2"\n`,
    'timeout = 0\n', // nothing ends but by the client
  )
  /** Has the key manager answer, and another client with the same token be served: its request is the later one. */
  const goOn = async () => {
    answer.open()
    const later = await fetch(`${gateway.http}/things/later`, { headers: { authorization: 'Bearer opaque' } })
    return [later.status, await later.text()]
  }
  const metrics = async () => (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text()
  return { gateway, reached, asked: () => manager.askedTimes(1), goOn, metrics, silentLeft: silentLeft.opened }
}

const head = (method: string, more: string) =>
  `${method} /things/left HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer opaque\r\n${more}\r\n`
const WEB_SOCKET =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

for (const [name, bytes, later = ''] of [
  ['a GET', head('GET', '')],
  ['half of a body with a length', `${head('POST', 'Content-Length: 50\r\n')}half`],
  ['half of a body in chunks', `${head('POST', 'Transfer-Encoding: chunked\r\n')}4\r\nhalf\r\n`],
  ['a WebSocket', head('GET', WEB_SOCKET)],
  ['a WebSocket, with frames before it leaves', `${head('GET', WEB_SOCKET)}\x81\x80mask`, '\x81\x80mask'],
] as const) {
  t.test(`a client that leaves during authentication: nothing goes upstream (${name})`, async (t) => {
    const { gateway, reached, asked, goOn, metrics } = await world(t)
    const socket = connect(gateway.httpPort, '127.0.0.1').resume()
    t.teardown(() => socket.destroy())
    socket.write(bytes, 'latin1')
    await asked()
    socket.end(later, 'latin1')
    await once(socket, 'close')
    t.strictSame(await goOn(), [200, 'ok'])
    t.strictSame(reached, ['GET /things/later'])
    const text = await metrics()
    t.match(text, /^mgw_open_requests 0$/m)
    t.match(text, /^mgw_http_requests_total\{.*reason="client-left".*\} 1$/m)
  })
}

t.test('a client that leaves with a request behind a slow one: nothing of it goes upstream', async (t) => {
  const { gateway, reached, asked, goOn, metrics, silentLeft } = await world(t)
  const socket = connect(gateway.httpPort, '127.0.0.1').resume()
  t.teardown(() => socket.destroy())
  socket.write(`GET /silent HTTP/1.1\r\nHost: a\r\n\r\n${head('GET', '')}`)
  await asked()
  socket.end()
  await silentLeft
  t.strictSame(await goOn(), [200, 'ok'])
  t.strictSame(reached, ['GET /silent', 'GET /things/later'])
  t.match(await metrics(), /^mgw_open_requests 0$/m)
})

for (const method of ['GET', 'POST']) {
  t.test(`a stream that is reset during authentication: nothing of it goes upstream (${method})`, async (t) => {
    const { gateway, reached, asked, goOn, metrics } = await world(t)
    const session = http2Client(t, gateway.httpsPort)
    const stream = session.request(
      { ':method': method, ':path': '/things/left', authorization: 'Bearer opaque' },
      { endStream: method === 'GET' },
    )
    stream.on('error', () => undefined)
    if (method === 'POST') stream.write('half')
    await asked()
    stream.close(constants.NGHTTP2_CANCEL)
    await new Promise((resolve) => session.ping(resolve)) // what was sent before has been read
    t.strictSame(await goOn(), [200, 'ok'])
    t.strictSame(reached, ['GET /things/later'])
    t.match(await metrics(), /^mgw_open_requests 0$/m)
  })
}
