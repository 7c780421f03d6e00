import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { tcpServer } from '../../support/servers.js'
import {
  echo,
  handshake,
  openWebSocket,
  SWITCHED,
  upgradeProxy,
  webSocket,
  webSocketServer,
} from '../../support/web-sockets.js'

const DEAD = 'http://127.0.0.1:1'

/** Takes a request, then does what `then` says. */
async function upstreamThat(t: Test, then: (socket: Socket) => void): Promise<string> {
  const { port } = await tcpServer(t, (socket) => socket.once('data', () => then(socket)))
  return `http://127.0.0.1:${port}`
}

t.test('the next upstream has it when one refuses, closes, resets, or switches to nothing', async (t) => {
  const { origin } = await webSocketServer(t, echo)
  const closes = await upstreamThat(t, (socket) => socket.end())
  const resets = await upstreamThat(t, (socket) => socket.resetAndDestroy())
  const early = await upstreamThat(t, (socket) => socket.end('HTTP/1.1 100 Continue\r\n\r\n'))
  let asked = 0
  const mayStart = () => ++asked > 0
  const via = await upgradeProxy(t, [DEAD, closes, resets, early, origin], { mayStart })
  const client = await openWebSocket(t, via.url)
  client.send('hello')
  t.equal(String((await once(client, 'message'))[0]), 'hello')
  t.equal(asked, 4, 'each time that the request leaves')
  t.strictSame(via.failures, [])
  client.close()
  if (via.ended() === 0) await once(via.events, 'ended')
  t.equal(via.ended(), 1)
})

t.test('what a client sent too early is not lost with the first upstream', async (t) => {
  const resets = await upstreamThat(t, (socket) => setImmediate(() => socket.resetAndDestroy()))
  let seen = ''
  const { port } = await tcpServer(t, (socket) => {
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      if (seen === '') socket.write(SWITCHED)
      seen += chunk
      if (seen.endsWith('eager and later')) socket.end()
    })
  })
  const via = await upgradeProxy(t, [resets, `http://127.0.0.1:${port}`])
  const client = connect(via.port, '127.0.0.1')
  client.write(`${handshake()}eager`)
  client.write(' and later')
  client.resume()
  await once(client, 'end')
  t.match(seen, /\r\n\r\neager and later$/)
  t.strictSame(via.failures, [])
})

t.test('after the last one it is unreachable', async (t) => {
  const via = await upgradeProxy(t, [DEAD, DEAD])
  const client = webSocket(t, via.url)
  const [, response] = (await once(client, 'unexpected-response')) as [unknown, { statusCode: number }]
  t.equal(response.statusCode, 599)
  t.strictSame(via.failures, [{ failure: 'unreachable', answered: false }])
  t.equal(via.ended(), 1)
})

t.test('after a refusal, a time-out, or when the gateway stops, no other upstream is tried', async (t) => {
  const { origin, server } = await webSocketServer(t, echo)
  const revoked = await upgradeProxy(t, [DEAD, origin, origin], { mayStart: () => false })
  await once(webSocket(t, revoked.url), 'unexpected-response')
  t.strictSame(revoked.failures, [{ failure: 'refused', answered: false }])

  const silent = await upstreamThat(t, () => undefined)
  const slow = await upgradeProxy(t, [silent, origin], { answerTimeout: 50 })
  await once(webSocket(t, slow.url), 'unexpected-response')
  t.strictSame(slow.failures, [{ failure: 'timeout', answered: false }])

  let asked: (() => void) | undefined
  const reached = new Promise<void>((resolve) => {
    asked = resolve
  })
  const waiting = await upstreamThat(t, () => asked?.())
  const stopped = await upgradeProxy(t, [waiting, origin])
  const client = webSocket(t, stopped.url)
  const answer = once(client, 'unexpected-response')
  await reached
  stopped.transfers[0]?.goAway()
  await answer
  t.strictSame(stopped.failures, [{ failure: 'unreachable', answered: false }])
  t.equal(server.clients.size, 0)
})

t.test(
  'an upstream that fails five handshakes in a row is passed over; open WebSockets count as requests under way',
  async (t) => {
    let resets = 0
    const first = await upstreamThat(t, (socket) => {
      resets++
      socket.resetAndDestroy()
    })
    const { origin } = await webSocketServer(t, echo)
    const via = await upgradeProxy(t, [first, origin], { endpoints: { ejectionTime: 60_000 } })
    for (let count = 0; count < 8; count++) (await openWebSocket(t, via.url)).close()
    t.equal(resets, 5)

    const opened: string[] = []
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => webSocketServer(t, () => void opened.push(name))))
    const origins = servers.map((server) => server.origin) as [string, ...string[]]
    const balanced = await upgradeProxy(t, origins, { endpoints: { type: 'load_balance' } })
    const sockets = []
    for (let count = 0; count < 6; count++) sockets.push(await openWebSocket(t, balanced.url))
    t.strictSame(opened.join(''), 'abcabc')
    const ended = once(balanced.events, 'ended')
    sockets[4]?.close() // one of b's
    await ended
    await openWebSocket(t, balanced.url)
    t.equal(opened.at(-1), 'b')
  },
)
