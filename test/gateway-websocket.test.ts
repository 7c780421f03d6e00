import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { ClientOptions, WebSocket } from 'ws'
import { startGateway } from './support/gateway.js'
import { exchangeRaw } from './support/servers.js'
import { type WebSocketWorld, webSocketWorld } from './support/web-socket-gateway.js'
import { closeCode, handshake, openWebSocket, webSocket } from './support/web-sockets.js'

const bearer = (jwt: string, more: Record<string, string> = {}): ClientOptions => ({
  headers: { authorization: `Bearer ${jwt}`, ...more },
  rejectUnauthorized: false,
})

async function started(t: Test, w: WebSocketWorld, more = '', name = 'gateway') {
  const gateway = await startGateway(t, w.socketsConfig(more, name))
  await gateway.known()
  const ws = `${gateway.http.replace('http', 'ws')}/sockets/v1`
  const wss = `${gateway.https.replace('http', 'ws')}/sockets/v1`
  return { ...gateway, ws, wss, port: Number(new URL(gateway.http).port) }
}

async function echoes(socket: WebSocket, message: string | Buffer): Promise<boolean> {
  socket.send(message)
  const [answer, binary] = (await once(socket, 'message')) as [Buffer, boolean]
  return answer.equals(Buffer.from(message)) && binary === (typeof message !== 'string')
}

/** The status and the body that a request for a WebSocket is refused with. */
async function refusal(t: Test, url: string, options: ClientOptions = {}) {
  const socket = webSocket(t, url, { rejectUnauthorized: false, ...options })
  const [, res] = (await once(socket, 'unexpected-response')) as [unknown, import('node:http').IncomingMessage]
  let body = ''
  for await (const chunk of res) body += String(chunk)
  return { status: res.statusCode, body, headers: res.headers }
}

t.test('WebSockets through a gateway', async (t) => {
  const w = await webSocketWorld(t)
  const gateway = await started(t, w, w.keyManager())
  const { ws, wss } = gateway
  const { jwt } = await w.tokenOf('somebody')

  for (const [listener, at] of [
    ['the plain listener', ws],
    ['the TLS listener', wss],
  ] as const) {
    t.test(`messages pass by ${listener}: text, binary, in fragments; pings; a close of either side`, async (t) => {
      const arrival = w.arrival()
      const client = await openWebSocket(t, `${at}/echo/a%20b?c=%2F`, bearer(jwt))
      const upstream = await arrival
      t.equal(upstream.req.url, '/up/echo/a%20b?c=%2F')
      t.ok(await echoes(client, 'grüß dich'))
      t.ok(await echoes(client, randomBytes(300_000)))
      client.send('a', { fin: false })
      client.send('b', { fin: true })
      t.equal(String((await once(client, 'message'))[0]), 'ab')
      client.ping('?')
      t.equal(String((await once(client, 'pong'))[0]), '?')
      const codes = Promise.all([closeCode(client), closeCode(upstream.socket)])
      upstream.socket.close(4001)
      t.strictSame(await codes, [4001, 4001])

      const next = w.arrival()
      const other = await openWebSocket(t, `${at}/echo/1`, bearer(jwt))
      const seen = closeCode((await next).socket)
      other.close(4002)
      t.equal(await seen, 4002)
    })
  }

  t.test('credentials and headers of the connection stop at the gateway; the endpoint gets its own', async (t) => {
    const arrivals = [w.arrival(), w.arrival()]
    const more = { 'x-kept': 'yes', te: 'trailers', 'x-jwt-assertion': 'forged' }
    await openWebSocket(t, `${ws}/echo/1`, bearer(jwt, more))
    await openWebSocket(t, `${ws}/basic`, bearer(jwt))
    const [first, second] = await Promise.all(arrivals)
    t.match(first?.req.headers, { 'x-kept': 'yes', connection: 'Upgrade', upgrade: 'websocket' })
    for (const name of ['authorization', 'te', 'x-jwt-assertion']) t.notOk(first?.req.headers[name], name)
    t.equal(second?.req.headers.authorization, `Basic ${Buffer.from('u:p').toString('base64')}`)
  })

  t.test('wss endpoints; the next endpoint where one is dead; no token where none is needed', async (t) => {
    for (const [path, reached, options] of [
      ['/secure', '/tls/secure', bearer(jwt)],
      ['/spare', '/spare/spare', bearer(jwt)],
      ['/open', '/up/open', {}],
    ] as const) {
      const arrival = w.arrival()
      const client = await openWebSocket(t, ws + path, options)
      t.equal((await arrival).req.url, reached)
      t.ok(await echoes(client, 'hello'))
    }
  })

  t.test('a WebSocket is refused for the same reasons as a plain request', async (t) => {
    const revoked = await w.tokenOf('somebody')
    w.broker.publish('tokenRevocation', { revokedToken: revoked.jti, ttl: '3600' })
    while ((await gateway.status(revoked.jwt)) !== 401);
    const before = w.arrived.length
    for (const [url, options, status, code] of [
      [`${ws}/echo/1`, {}, 401, 900902],
      [`${ws}/echo/1`, bearer('not.a.token'), 401, 900901],
      [`${ws}/echo/1`, bearer(revoked.jwt), 401, 900901],
      [`${wss}/echo/1`, bearer(revoked.jwt), 401, 900901],
      [`${ws}/scoped`, bearer(jwt), 403, 900910],
      [`${ws}/nowhere`, bearer(jwt), 403, 900906],
      [`${ws}/echo/a%2fb`, bearer(jwt), 400, 400],
      [`${ws}/echo/1?access_token=${jwt}`, {}, 400, 400],
      [`${ws}/dead`, bearer(jwt), 502, 101503],
      [new URL('/health', ws), {}, 404, 404],
      [new URL('/userinfo', wss), bearer(jwt), 404, 404],
      [new URL('/sockets/v1/echo/1', gateway.tokens.replace('http', 'ws')), bearer(jwt), 404, 404],
    ] as const) {
      const answer = await refusal(t, String(url), options)
      t.equal(answer.status, status, `${String(url).replace(jwt, '...')} ${answer.body}`)
      t.match(answer.body, `"code":${code}`)
      t.equal(answer.headers.connection, 'close')
    }
    t.equal(w.arrived.length, before, 'nothing reached an upstream')
  })

  t.test('a revocation that comes before the upstream has answered is a 401', async (t) => {
    const early = await w.tokenOf('somebody')
    const asked = w.askedInVain()
    const answer = refusal(t, `${ws}/mute`, bearer(early.jwt))
    await asked
    w.broker.publish('tokenRevocation', { revokedToken: early.jti, ttl: '3600' })
    t.match(await answer, { status: 401, body: '900901' })
  })

  t.test('CONNECT gets no answer', async (t) => {
    t.equal(await exchangeRaw(gateway.port, 'CONNECT upstream:80 HTTP/1.1\r\nHost: upstream\r\n\r\n'), '')
  })

  t.test('an invalid handshake is a 400, and the connection closes', async (t) => {
    for (const request of [
      handshake(`Authorization: Bearer ${jwt}`).replace('GET /ws', 'POST /sockets/v1/plain'),
      handshake(`Authorization: Bearer ${jwt}`).replace(/Sec-WebSocket-Key.*\r\n/, ''),
      handshake(`Authorization: Bearer ${jwt}`, 'Content-Length: 3'),
      handshake(`Authorization: Bearer ${jwt}`).replace('Upgrade: websocket', 'Upgrade: h2c, websocket'),
    ]) {
      const before = w.arrived.length
      const behind = 'GET /sockets/v1/open HTTP/1.1\r\nHost: x\r\n\r\n'
      const answers = await exchangeRaw(gateway.port, request + behind.repeat(2))
      t.match(answers, /^HTTP\/1.1 400 .*\r\n(?:.+\r\n)*connection: close\r\n/i)
      t.equal(answers.split('HTTP/1.1 ').length, 2, 'nothing behind it is answered')
      t.equal(w.arrived.length, before)
    }
  })

  t.test('an answer that is still to come is not mixed up with a WebSocket behind it', async (t) => {
    const slow = `GET /things/v1/thing/slow HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${jwt}\r\n\r\n`
    const before = w.arrived.length
    t.equal(await exchangeRaw(gateway.port, slow + handshake().replace('/ws', '/sockets/v1/open')), '')
    t.equal(w.arrived.length, before)
  })

  t.test('another protocol is declined: the request is served as a plain one, and the connection closed', async (t) => {
    const asks = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'
    const head = `HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${jwt}\r\n${asks}`
    for (const request of [
      `GET /sockets/v1/plain ${head}\r\n`,
      `POST /sockets/v1/plain ${head}Content-Length: 5\r\n\r\nhello`,
      `POST /sockets/v1/plain ${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    ]) {
      const before = w.arrived.length
      const answers = await exchangeRaw(gateway.port, request + request)
      t.match(answers, /^HTTP\/1.1 200 [\s\S]*{"ok":true}$/)
      t.match(answers, /\r\nconnection: close\r\n/i)
      t.equal(w.arrived.length, before)
    }
    const bare = `GET /sockets/v1/plain HTTP/1.1\r\nHost: x\r\n${asks}\r\n`
    t.match(await exchangeRaw(gateway.port, bare), /^HTTP\/1.1 401 /)
  })

  t.test('a reset of either side ends the other, and nothing else', async (t) => {
    const kept = await openWebSocket(t, `${ws}/echo/kept`, bearer(jwt))
    for (const side of ['client', 'upstream'] as const) {
      const arrival = w.arrival()
      const client = await openWebSocket(t, `${ws}/echo/1`, bearer(jwt))
      const upstream = (await arrival).socket
      const codes = Promise.all([closeCode(client), closeCode(upstream)])
      if (side === 'client') client.terminate()
      else upstream.terminate()
      t.strictSame(await codes, [1006, 1006])
    }
    t.ok(await echoes(kept, 'still here'))
  })

  t.test('a gateway that stops says so to each WebSocket, and does not wait for them', async (t) => {
    const clients = await Promise.all([ws, wss].map((at) => openWebSocket(t, `${at}/echo/1`, bearer(jwt))))
    const codes = Promise.all(clients.map(closeCode))
    t.equal(await gateway.process.end(), 0)
    t.strictSame(await codes, [1001, 1001])
    t.notMatch(gateway.process.output(), /DeprecationWarning|DEP0060/)
    t.notOk(gateway.process.output().includes(jwt))
  })
})

t.test('a revocation ends the WebSockets that it names, of 1,000 that are open', async (t) => {
  const w = await webSocketWorld(t)
  const gateway = await started(t, w)
  const tokens = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) => w.tokenOf(i % 100 === 7 ? 'leaver' : `user ${i}`)),
  )
  const clients: WebSocket[] = []
  const upstreams: WebSocket[] = []
  for (let from = 0; from < tokens.length; from += 50) {
    const batch = tokens.slice(from, from + 50).map(({ jwt }, i) => {
      return openWebSocket(t, `${gateway.ws}/echo/${from + i}`, bearer(jwt))
    })
    clients.push(...(await Promise.all(batch)))
  }
  for (const { req, socket } of w.arrived) upstreams[Number(req.url?.split('/').pop())] = socket
  const ended = new Map<number, number>()
  for (const [i, client] of clients.entries()) client.on('close', (code) => ended.set(i, code))
  const echoing = async () => {
    const open = clients.filter((_, i) => !ended.has(i))
    return (await Promise.all(open.map((client, i) => echoes(client, `message ${i}`)))).filter((same) => same).length
  }
  t.equal(await echoing(), 1_000)

  const one = 500
  const [client, upstream] = [clients[one], upstreams[one]] as [WebSocket, WebSocket]
  const codes = Promise.all([closeCode(client), closeCode(upstream)])
  w.broker.publish('tokenRevocation', { revokedToken: tokens[one]?.jti ?? '', ttl: '3600' })
  t.strictSame(await codes, [1008, 1006], 'the client is told, the upstream cut off')
  t.equal(await echoing(), 999)
  t.strictSame([...ended], [[one, 1008]])

  const leavers = clients.filter((_, i) => i % 100 === 7)
  const left = Promise.all(leavers.map(closeCode))
  const rule = { entityId: 'leaver', entityType: 'USER_ID', revocationTime: `${Date.now()}` }
  w.broker.publish('tokenRevocation', {
    revokedToken: Buffer.from(JSON.stringify(rule)).toString('base64'),
    type: 'subject_entity_revocation_event',
  })
  t.strictSame(await left, Array(10).fill(1008))
  t.equal(await echoing(), 989)
  t.equal(ended.size, 11)
})

t.test('with closeOpenRequests = false a WebSocket outlives its token’s revocation', async (t) => {
  const w = await webSocketWorld(t)
  const gateway = await started(t, w, '[tokenRevocationConfig]\n  closeOpenRequests = false\n')
  const { jwt, jti } = await w.tokenOf('somebody')
  const client = await openWebSocket(t, `${gateway.ws}/echo/1`, bearer(jwt))
  w.broker.publish('tokenRevocation', { revokedToken: jti, ttl: '3600' })
  while ((await gateway.status(jwt)) !== 401);
  t.ok(await echoes(client, 'still here'))
})
