import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { WebSocket } from 'ws'
import { tcpServer } from '../../support/servers.js'
import {
  closeCode,
  closed,
  echo,
  fill,
  handshake,
  openWebSocket,
  SWITCHED,
  type UpgradeProxy,
  upgradeProxy,
  webSocketServer,
} from '../../support/web-sockets.js'

const REVOKED = new Error('revoked')
const CLOSE_1008 = Buffer.from([0x88, 2, 0x03, 0xf0])

/** A raw upstream and a raw client, joined. */
async function joined(t: Test, mayGoOn = () => true) {
  const upstreams: Socket[] = []
  const { port } = await tcpServer(t, (socket) => {
    upstreams.push(socket)
    socket.once('data', () => socket.write(SWITCHED))
  })
  const via = await upgradeProxy(t, `http://127.0.0.1:${port}`, { mayGoOn })
  const client = connect(via.port, '127.0.0.1')
  t.teardown(() => client.destroy())
  let error: string | undefined
  client.on('error', (failure: NodeJS.ErrnoException) => {
    error = failure.code
  })
  client.write(handshake())
  await once(client, 'data')
  const seen: Buffer[] = []
  client.on('data', (chunk) => seen.push(chunk))
  const received = async (length: number) => {
    while (Buffer.concat(seen).length < length) await once(client, 'data')
  }
  const upstream = upstreams[0] as Socket
  return { via, client, upstream, received, seen: () => Buffer.concat(seen), error: () => error }
}

async function over(via: UpgradeProxy) {
  if (via.ended() === 0) await once(via.events, 'ended')
}

t.test('of a thousand connections a revocation ends exactly its own, with 1008', { timeout: 60_000 }, async (t) => {
  const { origin, server } = await webSocketServer(t, echo)
  const via = await upgradeProxy(t, origin)
  const clients: WebSocket[] = []
  const options = { perMessageDeflate: false }
  for (let i = 0; i < 1_000; i += 50) {
    clients.push(...(await Promise.all(Array.from({ length: 50 }, () => openWebSocket(t, via.url, options)))))
  }
  t.equal(via.transfers.length, 1_000)
  const codes: number[] = []
  for (const client of clients) client.on('close', (code) => codes.push(code))
  const which = 617
  via.transfers[which]?.abort(REVOKED)
  await once(via.events, 'ended')
  while (codes.length === 0) await new Promise((resolve) => setImmediate(resolve))
  let answers = 0
  const living = clients.filter((client) => client.readyState === client.OPEN)
  await Promise.all(
    living.map(async (client, i) => {
      const answer = once(client, 'message')
      client.send(`${i}`)
      if (String((await answer)[0]) === `${i}`) answers++
    }),
  )
  t.equal(answers, 999)
  t.strictSame(codes, [1008])
  t.equal(server.clients.size, 999)
  t.strictSame(via.failures, [{ failure: 'refused', answered: true }])
})

t.test('an abort between frames: the client gets 1008, and its next words reach nobody', async (t) => {
  const { via, client, upstream, received, seen } = await joined(t)
  const heard: Buffer[] = []
  upstream.on('data', (chunk) => heard.push(chunk))
  upstream.write(Buffer.from([0x81, 2, 0x68, 0x69]))
  await received(4)
  const upstreamClosed = closed(upstream)
  via.transfers[0]?.abort(REVOKED)
  client.write('too late')
  await Promise.all([once(client, 'end'), upstreamClosed])
  t.strictSame(seen(), Buffer.concat([Buffer.from([0x81, 2, 0x68, 0x69]), CLOSE_1008]))
  t.strictSame(heard, [])
  client.end()
  await over(via)
})

t.test('an abort in the middle of a frame waits for its end', async (t) => {
  const { via, client, upstream, received, seen, error } = await joined(t)
  upstream.write(Buffer.from([0x82, 126, 0, 200, ...Buffer.alloc(100, 1)]))
  await received(104)
  const upstreamClosed = closed(upstream)
  const heard: Buffer[] = []
  upstream.on('data', (chunk) => heard.push(chunk))
  via.transfers[0]?.abort(REVOKED)
  await new Promise<void>((resolve) => client.write('too late', () => setImmediate(resolve)))
  upstream.write(Buffer.concat([Buffer.alloc(100, 1), Buffer.from([0x81, 1, 0x78])]))
  await Promise.all([once(client, 'end'), upstreamClosed])
  t.equal(seen().length, 4 + 200 + 4, 'the next frame did not go out')
  t.strictSame(seen().subarray(204), CLOSE_1008)
  t.equal(error(), undefined)
  t.strictSame(heard, [])
})

t.test(
  'data held back by the check is dropped in both directions: between frames with 1008, within one with a reset',
  async (t) => {
    for (const within of [false, true]) {
      for (const from of ['upstream', 'client']) {
        let goesOn = true
        const { via, client, upstream, received, seen } = await joined(t, () => goesOn)
        const before = Buffer.from(within ? [0x82, 126, 0, 200, 1] : [0x81, 1, 0x78])
        upstream.write(before)
        await received(before.length)
        const heard: Buffer[] = []
        upstream.on('data', (chunk) => heard.push(chunk))
        goesOn = false
        const ends = [closed(upstream), within ? closed(client) : once(client, 'end')]
        if (from === 'upstream') upstream.write(Buffer.from([0x81, 1, 0x79]))
        else client.write('too late')
        await Promise.all(ends)
        t.strictSame(seen(), within ? before : Buffer.concat([before, CLOSE_1008]), from)
        t.strictSame(heard, [], from)
        client.destroy()
        await over(via)
        t.strictSame(via.failures, [{ failure: 'refused', answered: true }])
      }
    }
  },
)

t.test('an abort in the middle of a frame that does not end resets the client', async (t) => {
  const { via, client, upstream, received, error } = await joined(t)
  upstream.write(Buffer.from([0x82, 126, 0, 200, 1]))
  await received(5)
  const upstreamClosed = closed(upstream)
  via.transfers[0]?.abort(REVOKED)
  await Promise.all([closed(client), upstreamClosed])
  t.equal(error(), 'ECONNRESET')
  await over(via)
  t.strictSame(via.failures, [{ failure: 'refused', answered: true }])
})

t.test('an upstream that ends in the middle of the frame of an abort resets the client', async (t) => {
  const { via, client, upstream, received, error } = await joined(t)
  upstream.write(Buffer.from([0x82, 126, 0, 200, 1]))
  await received(5)
  via.transfers[0]?.abort(REVOKED)
  upstream.end()
  await closed(client)
  t.equal(error(), 'ECONNRESET')
})

t.test('an abort of a client that does not read resets it', async (t) => {
  const { via, client, upstream, seen } = await joined(t)
  client.pause()
  const frame = Buffer.concat([Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Buffer.alloc(65_536)])
  const sent = frame.length * (await fill(t, upstream, frame))
  const ended = once(via.events, 'ended')
  via.transfers[0]?.abort(REVOKED)
  await ended
  client.resume()
  await closed(client)
  // A Node client that had paused sees the reset as an end: what it did not get tells the two apart.
  t.ok(seen().length < sent)
  t.notSame(seen().subarray(-4), CLOSE_1008)
})

t.test('after a Close frame of the upstream no other is sent', async (t) => {
  const { via, client, upstream, received, seen } = await joined(t)
  upstream.write(Buffer.from([0x88, 2, 0x03, 0xe8]))
  await received(4)
  via.transfers[0]?.abort(REVOKED)
  await once(client, 'end')
  t.strictSame(seen(), Buffer.from([0x88, 2, 0x03, 0xe8]))
})

t.test('an abort while the upstream closes, or twice, changes nothing', async (t) => {
  const { via, client, upstream } = await joined(t)
  upstream.end()
  await once(client, 'end')
  via.transfers[0]?.abort(REVOKED)
  via.transfers[0]?.abort(REVOKED)
  client.destroy()
  await over(via)
  t.equal(via.ended(), 1)
})

t.test('a client that never closes its side is cut off', async (t) => {
  const { origin } = await tcpServer(t, (socket) => socket.once('data', () => socket.write(SWITCHED))).then(
    ({ port }) => ({ origin: `http://127.0.0.1:${port}` }),
  )
  const via = await upgradeProxy(t, origin)
  const client = connect({ port: via.port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => client.destroy())
  client.on('error', () => undefined)
  client.write(handshake())
  await once(client, 'data')
  client.resume()
  via.transfers[0]?.abort(REVOKED)
  await once(via.events, 'ended')
  t.pass('the exchange is over')
})

t.test('a gateway that stops says 1001', async (t) => {
  const { origin } = await webSocketServer(t, echo)
  const via = await upgradeProxy(t, origin)
  const client = await openWebSocket(t, via.url)
  via.transfers[0]?.goAway()
  t.equal(await closeCode(client), 1001)
  t.strictSame(via.failures, [])
})
