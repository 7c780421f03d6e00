import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { startAdmin } from '../../src/admin/index.js'
import { Secret } from '../../src/config/index.js'
import { silent } from '../../src/logging/index.js'
import type { RevocationRecord } from '../../src/revocation/index.js'
import { exchangeRaw } from '../support/servers.js'

const TOKEN = 'the-admins-own'

async function admin(t: Test, bodyTimeout = 60_000) {
  const revoked: RevocationRecord[] = []
  const logger = silent('test')
  const { port, close } = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    readiness: () => ({ ready: true, detail: {} }),
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    hosts: ['gateway.example'],
    status: async () => ({}),
    reload: async () => ({ succeeded: true }),
    questions: { lookUpToken: async () => undefined, lookUp: async () => ({}), explain: async () => ({}) },
    revocations: {
      token: new Secret(TOKEN),
      revoke: async (record) => {
        revoked.push(record)
      },
      ofItsIssuer: () => false,
      logger,
      now: Date.now,
      issuersNow: Date.now,
      bodyTimeout,
    },
    logLevel: { get: () => 'info', set: () => undefined },
    logger,
  })
  t.teardown(() => close())
  return { port, revoked }
}

const head = (body: number, more = '') =>
  `POST /revocations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: ${body}\r\n${more}\r\n`

t.test('an incomplete body is a 408 after the time-out, and nothing is revoked', async (t) => {
  const { port, revoked } = await admin(t, 50)
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text
  })
  socket.write(`${head(100)}{"jti":"a"`)
  await once(socket, 'close')
  t.match(answer, /^HTTP\/1\.1 408 [\s\S]*\r\nconnection: close\r\n/i)
  t.strictSame(revoked, [])
})

t.test('a client still gets the answer if its body is refused while being sent', async (t) => {
  const { port } = await admin(t)
  t.match(await exchangeRaw(port, head(1_000_000) + 'x'.repeat(1_000_000)), /^HTTP\/1\.1 413 /)
})

t.test('a refused chunked body is still read to its end', async (t) => {
  const { port } = await admin(t)
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  t.teardown(() => socket.destroy())
  const bytes = 8_000_000
  const start = head(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked')
  socket.write(`${start}${bytes.toString(16)}\r\n${'x'.repeat(100_000)}`)
  t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 413 /)
  const failure = await new Promise((resolve) => socket.write(Buffer.alloc(bytes - 100_000, 'x'), resolve))
  t.notOk(failure, 'the rest was read')
})

t.test('nothing behind an upgrade that is declined is read as a request; what cannot be read is a 400', async (t) => {
  const { port, revoked } = await admin(t)
  const body = '{"jti":"a"}'
  const h2c = 'GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'
  const answers = await exchangeRaw(port, h2c + head(body.length) + body)
  t.match(answers, /^HTTP\/1\.1 200 [\s\S]*"alive"[^H]*$/)
  t.strictSame(revoked, [])
  const webSocket = h2c.replace('h2c', 'websocket')
  t.match(await exchangeRaw(port, webSocket + head(body.length) + body), /^HTTP\/1\.1 404 /)
  t.strictSame(revoked, [])
  t.match(await exchangeRaw(port, 'NONSENSE\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.match(await exchangeRaw(port, head(body.length, 'Connection: close\r\n') + body), /^HTTP\/1\.1 204 /)
  t.equal(revoked.length, 1)
})

t.test(
  'a request under a name that is not of the listener is a 421, whatever it asks, and nothing is revoked',
  async (t) => {
    const { port, revoked } = await admin(t)
    const body = '{"jti":"a"}'
    const status = async (request: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(await exchangeRaw(port, request))?.[1])
    const get = (host: string) => status(`GET /live HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    for (const host of [
      'localhost',
      'LOCALHOST:9797',
      'a.localhost',
      '127.0.0.1',
      '10.1.2.3:80',
      '[::1]:1',
      'gateway.example.',
    ]) {
      t.equal(await get(host), 200, host)
    }
    for (const host of ['rebound.example', 'localhost.example', '127.0.0.1.example', 'gateway.example.evil', '']) {
      t.equal(await get(host), 421, host)
    }
    const post = (head(body.length, 'Connection: close\r\n') + body).replace('Host: localhost', 'Host: rebound.example')
    t.equal(await status(post), 421)
    t.strictSame(revoked, [])
  },
)

t.test('no answer lets a page of another origin read it', async (t) => {
  const { port } = await admin(t)
  const preflight = `OPTIONS /revocations HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a.example\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n`
  for (const request of [preflight, preflight.replace('OPTIONS /revocations', 'GET /live')]) {
    t.notMatch(await exchangeRaw(port, request), /access-control/i)
  }
})
