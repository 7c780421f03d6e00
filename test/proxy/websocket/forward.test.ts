import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { ensureSelfSigned } from '../../../src/certificates/index.js'
import { tcpServer } from '../../support/servers.js'
import {
  closeCode,
  closed,
  echo,
  fill,
  handshake,
  openWebSocket,
  SWITCHED,
  upgradeProxy,
  webSocket,
  webSocketServer,
} from '../../support/web-sockets.js'

t.test('messages go both ways unchanged: text, binary, large, in fragments, compressed', async (t) => {
  const { origin } = await webSocketServer(t, echo)
  const via = await upgradeProxy(t, origin)
  for (const perMessageDeflate of [false, true]) {
    const client = await openWebSocket(t, via.url, { perMessageDeflate })
    const messages = ['', 'grüß dich', randomBytes(10), randomBytes(65_536), randomBytes(3_000_000)]
    for (const message of messages) {
      client.send(message)
      const [answer, binary] = (await once(client, 'message')) as [Buffer, boolean]
      t.equal(binary, typeof message !== 'string')
      t.ok(answer.equals(Buffer.from(message)))
    }
    client.send('a', { fin: false })
    client.send('b', { fin: false })
    client.send('c', { fin: true })
    const [joined] = (await once(client, 'message')) as [Buffer]
    t.equal(String(joined), 'abc')
    client.close()
    await closeCode(client)
  }
  t.strictSame(via.failures, [])
})

t.test('pings and pongs go through, from either side', async (t) => {
  const { origin, server } = await webSocketServer(t, () => undefined)
  const via = await upgradeProxy(t, origin)
  const connection = once(server, 'connection')
  const client = await openWebSocket(t, via.url)
  const [upstream] = (await connection) as [WebSocket]
  client.ping('from the client')
  t.equal(String((await once(client, 'pong'))[0]), 'from the client')
  upstream.ping('from the upstream')
  t.equal(String((await once(upstream, 'pong'))[0]), 'from the upstream')
})

t.test('a close goes through with its code, from either side', async (t) => {
  const { origin, server } = await webSocketServer(t, () => undefined)
  const via = await upgradeProxy(t, origin)
  for (const [from, code] of [
    ['client', 4001],
    ['upstream', 4002],
  ] as const) {
    const connection = once(server, 'connection')
    const client = await openWebSocket(t, via.url)
    const [upstream] = (await connection) as [WebSocket]
    const ended = once(via.events, 'ended')
    const codes = Promise.all([closeCode(client), closeCode(upstream)])
    const side = from === 'client' ? client : upstream
    side.close(code, 'bye')
    t.strictSame(await codes, [code, code])
    await ended
  }
  t.strictSame(via.failures, [])
  t.equal(via.ended(), 2)
})

t.test('a half-closed client still gets what the upstream has to say', async (t) => {
  const { port } = await tcpServer(t, (socket) => {
    socket.allowHalfOpen = true
    socket.once('data', () => socket.write(SWITCHED))
    socket.on('end', () => socket.end('after the end'))
  })
  const via = await upgradeProxy(t, `http://127.0.0.1:${port}`)
  const client = connect({ port: via.port, host: '127.0.0.1', allowHalfOpen: true })
  let seen = ''
  client.setEncoding('latin1').on('data', (chunk: string) => {
    if (seen === '') client.end()
    seen += chunk
  })
  client.write(handshake())
  await once(client, 'end')
  t.match(seen, /\r\n\r\nafter the end$/)
  if (via.ended() === 0) await once(via.events, 'ended')
  t.strictSame(via.failures, [])
})

t.test('bytes that come with the handshake are not lost, on either side', async (t) => {
  const { port } = await tcpServer(t, (socket) => {
    socket.once('data', (request) => {
      let seen = String(request).split('\r\n\r\n')[1] ?? ''
      socket.write(`${SWITCHED}early`)
      const done = () => seen === 'eager' && socket.end()
      socket.on('data', (chunk) => {
        seen += chunk
        done()
      })
      done()
    })
  })
  const via = await upgradeProxy(t, `http://127.0.0.1:${port}`)
  const client = connect(via.port, '127.0.0.1')
  let seen = ''
  client.setEncoding('latin1').on('data', (chunk: string) => {
    seen += chunk
  })
  client.write(`${handshake()}eager`)
  await once(client, 'end')
  t.match(seen, /early$/)
})

t.test('bytes that came with the handshake are not kept while the WebSocket is open', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { port } = await tcpServer(t, (socket) => {
    socket.once('data', () => socket.write(SWITCHED))
    socket.on('data', (chunk) => String(chunk).endsWith('eager') && socket.write('received'))
  })
  let head: WeakRef<Buffer> | undefined
  const via = await upgradeProxy(t, `http://127.0.0.1:${port}`, {
    onHead: (bytes) => {
      head = new WeakRef(bytes)
    },
  })
  const client = connect(via.port, '127.0.0.1')
  t.teardown(() => client.destroy())
  client.write(`${handshake()}eager`)
  for await (const chunk of client.iterator({ destroyOnReturn: false })) if (/received$/.test(String(chunk))) break
  for (let turn = 0; turn < 10 && head?.deref() !== undefined; turn++) {
    await setImmediate()
    collect()
  }
  t.equal(head?.deref(), undefined)
})

t.test('a reset of either side resets the other, and nothing else', async (t) => {
  const upstreams: Socket[] = []
  const { port } = await tcpServer(t, (socket) => {
    upstreams.push(socket)
    socket.once('data', () => socket.write(SWITCHED))
  })
  const via = await upgradeProxy(t, `http://127.0.0.1:${port}`)
  const open = async () => {
    const client = connect(via.port, '127.0.0.1')
    const errors: (string | undefined)[] = []
    client.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
    client.write(handshake())
    await once(client, 'data')
    return { client, errors, upstream: upstreams[upstreams.length - 1] as Socket }
  }
  const bystander = await open()

  const first = await open()
  let ended = once(via.events, 'ended')
  first.upstream.resetAndDestroy()
  await Promise.all([closed(first.client), ended])
  t.strictSame(first.errors, ['ECONNRESET'])

  const second = await open()
  let upstreamError: string | undefined
  second.upstream.on('error', (error: NodeJS.ErrnoException) => {
    upstreamError = error.code
  })
  ended = once(via.events, 'ended')
  const upstreamClosed = closed(second.upstream)
  second.client.resetAndDestroy()
  await Promise.all([upstreamClosed, ended])
  t.equal(upstreamError, 'ECONNRESET')

  t.strictSame(via.failures, [
    { failure: 'unreachable', answered: true },
    { failure: 'client-left', answered: true },
  ])
  bystander.upstream.write('still here')
  t.equal(String((await once(bystander.client, 'data'))[0]), 'still here')
})

t.test('a slow reader holds the sender: what is in between has a bound', async (t) => {
  const chunk = Buffer.alloc(65_536)
  const total = 1_000
  let upstream: Socket | undefined
  const { port } = await tcpServer(t, (socket) => {
    upstream = socket
    socket.once('data', () => socket.write(SWITCHED))
  })
  const via = await upgradeProxy(t, `http://127.0.0.1:${port}`)
  const client = connect(via.port, '127.0.0.1')
  client.write(handshake())
  await once(client, 'data')
  client.pause()
  const sent = await fill(t, upstream as Socket, chunk, total)
  t.ok(sent < total / 2, `${sent} of ${total} chunks fill every buffer on the way, the kernel's included`)
  let length = 0
  client.on('data', (data) => {
    length += data.length
  })
  upstream?.end()
  client.resume()
  await once(client, 'end')
  t.equal(length, sent * chunk.length)
})

t.test('an upstream over TLS is verified, and reached', async (t) => {
  const { cert, key } = await ensureSelfSigned(t.testdir())
  const https = createServer({ cert, key })
  const server = new WebSocketServer({ server: https })
  server.on('connection', echo)
  https.listen(0, '127.0.0.1')
  await once(https, 'listening')
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate()
    https.close()
  })
  const origin = `wss://localhost:${(https.address() as AddressInfo).port}`

  const trusting = await upgradeProxy(t, origin, { tls: { ca: cert } })
  const client = await openWebSocket(t, trusting.url)
  client.send('secret')
  t.equal(String((await once(client, 'message'))[0]), 'secret')
  const big = randomBytes(1_000_000)
  client.send(big)
  t.ok(big.equals((await once(client, 'message'))[0]))
  client.close(4003)
  t.equal(await closeCode(client), 4003)

  const wary = await upgradeProxy(t, origin)
  const refused = webSocket(t, wary.url)
  await once(refused, 'error')
  t.strictSame(wary.failures, [{ failure: 'unreachable', answered: false }])
})

t.test('a client over TLS is served alike: messages, a revocation, a reset of the upstream', async (t) => {
  const listener = await ensureSelfSigned(t.testdir())
  const { origin, server } = await webSocketServer(t, echo)
  const via = await upgradeProxy(t, origin, { listener })
  const revoked = await openWebSocket(t, via.url, { ca: listener.cert })
  const big = randomBytes(1_000_000)
  revoked.send(big)
  t.ok(big.equals((await once(revoked, 'message'))[0]))
  via.transfers[0]?.abort(new Error('revoked'))
  t.equal(await closeCode(revoked), 1008)
  if (via.ended() === 0) await once(via.events, 'ended')

  const connection = once(server, 'connection')
  const lost = await openWebSocket(t, via.url, { ca: listener.cert })
  const [upstream] = (await connection) as [WebSocket]
  const code = closeCode(lost)
  upstream.terminate()
  t.equal(await code, 1006)
})

t.test('a slow upstream holds the client', async (t) => {
  const chunk = Buffer.alloc(65_536)
  let upstream: Socket | undefined
  const { port } = await tcpServer(t, (socket) => {
    upstream = socket
    socket.once('data', () => {
      socket.pause()
      socket.write(SWITCHED)
    })
  })
  const via = await upgradeProxy(t, `http://127.0.0.1:${port}`)
  const client = connect(via.port, '127.0.0.1')
  client.write(handshake())
  await once(client, 'data')
  const sent = await fill(t, client, chunk, 1_000)
  t.ok(sent < 1_000, `${sent} chunks fill every buffer on the way`)
  let length = 0
  upstream?.on('data', (data) => {
    length += data.length
  })
  client.end()
  upstream?.resume()
  await once(upstream as Socket, 'end')
  t.equal(length, sent * chunk.length)
})

t.test('a connection without traffic ends as a time-out, with 1001', async (t) => {
  const { origin } = await webSocketServer(t, echo)
  const via = await upgradeProxy(t, origin, { idleTimeout: 200 })
  const client = await openWebSocket(t, via.url)
  t.equal(await closeCode(client), 1001)
  if (via.ended() === 0) await once(via.events, 'ended')
  t.strictSame(via.failures, [{ failure: 'timeout', answered: true }])
})
