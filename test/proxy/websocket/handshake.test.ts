import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { exchangeRaw, httpServer, tcpServer } from '../../support/servers.js'
import { echo, handshake, SWITCHED, upgradeProxy, webSocketServer } from '../../support/web-sockets.js'

/** An upstream that answers every handshake with these bytes; what it was sent can be read. */
async function upstreamThat(t: Test, answer: (socket: Socket) => void) {
  const requests: string[] = []
  const { port } = await tcpServer(t, (socket) => {
    socket.once('data', (chunk) => {
      requests.push(chunk.toString('latin1'))
      answer(socket)
    })
  })
  return { origin: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, requests }
}

const switchAndEnd = (socket: Socket) => socket.end(SWITCHED)

t.test('the upstream sees the path, byte for byte, and the headers that are left', async (t) => {
  const upstream = await upstreamThat(t, switchAndEnd)
  const path = '//a//b/http:/c/./%2e/?x=//y?z&http://q'
  const via = await upgradeProxy(t, upstream.origin, { path, removed: new Set(['authorization']) })
  await exchangeRaw(
    via.port,
    handshake(
      'Connection: keep-alive, Upgrade, X-Secret',
      'X-Secret: 1',
      'Authorization: Bearer token',
      'Proxy-Authorization: Basic x',
      'Keep-Alive: 5',
      'TE: trailers',
      'Cookie: a=1',
      'Cookie: b=2',
      'X-Twice: 1',
      'x-twice: 2',
      'X-Latin: \xe9',
      '__proto__: x',
    ),
  )
  const [request = ''] = upstream.requests
  const lines = request.trimEnd().split('\r\n')
  t.equal(lines[0], `GET ${path} HTTP/1.1`)
  t.strictSame(
    lines.slice(1).sort(),
    [
      'Cookie: a=1; b=2',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
      'X-Latin: \xe9',
      'X-Twice: 1',
      'X-Twice: 2',
      'connection: Upgrade',
      `host: ${upstream.host}`,
      'upgrade: websocket',
    ].sort(),
  )
})

t.test('a 101 comes back without what concerns the other connection', async (t) => {
  const upstream = await upstreamThat(t, (socket) => {
    socket.end(
      'HTTP/1.1 101 Of Course\r\nUpgrade: WebSocket\r\nConnection: Upgrade, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 3\r\n' +
        'Sec-WebSocket-Accept: abc\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: \xe9\r\n\r\n',
      'latin1',
    )
  })
  const via = await upgradeProxy(t, upstream.origin)
  const answer = await exchangeRaw(via.port, handshake())
  t.strictSame(answer.trimEnd().split('\r\n').sort(), [
    'HTTP/1.1 101 Switching Protocols',
    'connection: Upgrade',
    'sec-websocket-accept: abc',
    'set-cookie: a=1',
    'set-cookie: b=2',
    'upgrade: websocket',
    'x-latin: \xe9',
  ])
})

t.test('another answer than 101 is passed on, and the connection closed', async (t) => {
  const { origin } = await httpServer(t, (_, res) => res.end('unused'))
  const chunked = await upstreamThat(t, (socket) => {
    socket.end(
      'HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\nX-Why: so\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n5\r\nnever\r\n0\r\n\r\n',
    )
  })
  const via = await upgradeProxy(t, chunked.origin)
  t.equal(
    await exchangeRaw(via.port, `${handshake()}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`),
    'HTTP/1.1 403 Forbidden\r\nX-Why: so\r\ncontent-length: 5\r\nconnection: close\r\n\r\nnever',
  )
  t.equal(chunked.requests.length, 1)
  t.notMatch(chunked.requests[0], /smuggled/)
  t.strictSame(via.failures, [])
  t.equal(via.ended(), 1)
  const plain = await upgradeProxy(t, origin)
  t.match(await exchangeRaw(plain.port, handshake()), /^HTTP\/1\.1 200 OK\r\n.*unused$/s)
})

t.test('a request that is not only a WebSocket handshake never reaches the upstream', async (t) => {
  const upstream = await upstreamThat(t, switchAndEnd)
  const via = await upgradeProxy(t, upstream.origin)
  for (const request of [
    handshake().replace('Upgrade: websocket', 'Upgrade: h2c'),
    handshake().replace('Upgrade: websocket', 'Upgrade: websocket, h2c'),
    handshake('Upgrade: h2c'),
    handshake().replace('GET', 'POST'),
    handshake('Content-Length: 3').concat('abc'),
    handshake('Transfer-Encoding: chunked').concat('0\r\n\r\n'),
    handshake().replace(/Sec-WebSocket-Key.*\r\n/, ''),
  ]) {
    t.match(await exchangeRaw(via.port, request), /^HTTP\/1\.1 599 .*not-websocket$/s)
  }
  t.strictSame(upstream.requests, [])
})

t.test('a path that could end the first line never reaches the upstream', async (t) => {
  const upstream = await upstreamThat(t, switchAndEnd)
  const via = await upgradeProxy(t, upstream.origin, { path: '/ HTTP/1.1\r\nHost: other\r\n\r\nGET /' })
  t.match(await exchangeRaw(via.port, handshake()), /unreachable$/)
  t.strictSame(upstream.requests, [])
})

t.test('a real server sees the protocol that was asked for', async (t) => {
  const { origin } = await webSocketServer(t, echo)
  const via = await upgradeProxy(t, origin)
  const client = connect(via.port, '127.0.0.1')
  t.teardown(() => client.destroy())
  client.write(handshake('Sec-WebSocket-Protocol: chat'))
  const [chunk] = (await once(client, 'data')) as [Buffer]
  t.match(String(chunk), /^HTTP\/1\.1 101 Switching Protocols\r\n.*sec-websocket-protocol: chat\r\n/s)
})

t.test("of Node's warnings only http-proxy's own is silent", async (t) => {
  const preload =
    "import util from 'node:util'; util._extend = util.deprecate(Object.assign, '_extend is old', 'DEP0060')"
  const program = `await import(${JSON.stringify(pathToFileURL('dist/src/proxy/websocket/handshake.js').href)});
    const util = await import('node:util'); util.default._extend({}, {}); new (util.default.deprecate(class {}, 'another', 'DEP9999'))()`
  const child = spawn(process.execPath, [
    ...['--import', `data:text/javascript,${encodeURIComponent(preload)}`],
    ...['--input-type=module', '--eval', program],
  ])
  const output = await text(child.stderr)
  t.match(output, /another/)
  t.notMatch(output, /DEP0060/)
})
