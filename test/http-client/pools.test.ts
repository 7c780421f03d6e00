import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo, LookupFunction, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { httpClient, httpServer, tcpServer } from '../support/servers.js'

/** A server on another address of this machine, with the port of the first. */
async function serverOn(t: Test, host: string, port: number, listener: RequestListener) {
  const server = createServer(listener).listen(port, host)
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, server }
}

t.test(
  'a name that gets another address is followed: connections to the old one end, new ones go to the new one',
  async (t) => {
    const before = await serverOn(t, '127.0.0.1', 0, (_, res) => res.end('before'))
    await serverOn(t, '127.0.0.2', before.port, (_, res) => res.end('after'))
    const sockets: Socket[] = []
    before.server.on('connection', (socket) => sockets.push(socket))
    let address = '127.0.0.1'
    const lookup: LookupFunction = (_, { all }, done) => {
      if (all === true) done(null, [{ address, family: 4 }])
      else done(null, address, 4)
    }
    const client = httpClient(t, { lookup, maxConnectionAge: 100 })
    const ask = async () => {
      const { body } = await client.request({ origin: `http://pets.example:${before.port}`, path: '/', method: 'GET' })
      return body.text()
    }
    t.strictSame(await Promise.all([ask(), ask()]), ['before', 'before'])
    address = '127.0.0.2'
    while ((await ask()) === 'before');
    await Promise.all(sockets.map((socket) => socket.destroyed || once(socket, 'close')))
    t.strictSame(await Promise.all([ask(), ask(), ask()]), ['after', 'after', 'after'])
  },
)

t.test('connections grow old under load without losing a request, however few there may be', async (t) => {
  for (const maxConnections of [1, 2, undefined]) {
    let connections = 0
    const { origin, server } = await httpServer(t, (_, res) => setImmediate(() => res.end('ok')))
    server.on('connection', () => connections++)
    const client = httpClient(t, { maxConnectionAge: 20, ...(maxConnections === undefined ? {} : { maxConnections }) })
    let answered = 0
    const ask = async () => {
      while (connections < 40) {
        const { body } = await client.request({ origin, path: '/', method: 'GET' })
        if ((await body.text()) === 'ok') answered++
      }
    }
    await Promise.all(Array.from({ length: 12 }, ask))
    t.ok(answered >= 40, `${answered} answers on ${connections} connections`)
  }
})

t.test('so many requests wait for a connection, and no more', async (t) => {
  const { origin } = await httpServer(t, () => undefined)
  const client = httpClient(t, { maxConnections: 1 })
  const ask = () => client.request({ origin, path: '/', method: 'GET' })
  for (let i = 0; i < 1_001; i++) void ask().catch(() => undefined)
  await t.rejects(ask(), { code: 'ERR_QUEUE_FULL' })
  await t.rejects(ask(), { code: 'ERR_QUEUE_FULL' })
})

t.test('a connection that grows old in the middle of a response ends behind it', async (t) => {
  let finish = () => undefined as unknown
  const { origin, server } = await httpServer(t, (_, res) => {
    res.write('begun ')
    finish = () => res.end('and ended')
  })
  const connected = once(server, 'connection')
  const client = httpClient(t, { maxConnectionAge: 1 })
  const { body } = await client.request({ origin, path: '/', method: 'GET' })
  const [socket] = (await connected) as [Socket]
  const closed = once(socket, 'close')
  await new Promise((resolve) => setTimeout(resolve, 20)) // older than it may get
  t.notOk(socket.destroyed)
  finish()
  t.equal(await body.text(), 'begun and ended')
  await closed
})

t.test('once closed or destroyed it takes no request', async (t) => {
  const { origin } = await httpServer(t, (_, res) => res.end('ok'))
  for (const end of ['close', 'destroy'] as const) {
    const client = httpClient(t)
    const { body } = await client.request({ origin, path: '/', method: 'GET' })
    await body.text()
    await client[end]()
    await t.rejects(client.request({ origin, path: '/', method: 'GET' }))
    await t.rejects(client.request({ origin: 'http://127.0.0.1:1', path: '/', method: 'GET' }), {
      code: 'UND_ERR_DESTROYED',
    })
  }
})

t.test('connecting, the first byte and the pauses of a response have a time-out each', async (t) => {
  const silent = await tcpServer(t, () => undefined)
  const { origin } = await httpServer(t, (req, res) => {
    if (req.url === '/begins') res.write('begun')
  })
  const limits = { connectTimeout: 60_000, responseTimeout: 60_000, idleTimeout: 60_000 }
  const cases: [limit: Partial<typeof limits>, origin: string, path: string, code: string][] = [
    // The handshake of TLS is a part of connecting.
    [{ connectTimeout: 50 }, `https://127.0.0.1:${silent.port}`, '/', 'UND_ERR_CONNECT_TIMEOUT'],
    [{ responseTimeout: 50 }, origin, '/', 'UND_ERR_HEADERS_TIMEOUT'],
    [{ idleTimeout: 50 }, origin, '/begins', 'UND_ERR_BODY_TIMEOUT'],
  ]
  for (const [limit, origin, path, code] of cases) {
    const client = httpClient(t, { ...limits, ...limit })
    const asked = client.request({ origin, path, method: 'GET' }).then(({ body }) => body.text())
    await t.rejects(asked, { code }, code)
  }
})
