import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { markLastRequest } from '../../../src/proxy/index.js'
import { listen } from '../../../src/server/listeners/listener.js'
import { gatewayInProcess } from '../../support/gateway-in-process.js'
import { exchangeRaw } from '../../support/servers.js'

const GET = 'GET /a HTTP/1.1\r\nhost: x\r\n\r\n'
const LAST = 'GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'

/** A listener that answers a moment later, when all that came with the request was read. */
async function listener(t: Test): Promise<number> {
  const { port, close } = await listen({
    host: '127.0.0.1',
    port: 0,
    limits: { maxHeaderSize: 32_768, maxUriLength: 4_096, timeout: 60_000, keepAlive: true, maxPipelinedRequests: 10 },
    onUpgrade: () => undefined,
    onRequest: (req, res) =>
      setImmediate(
        () =>
          void text(req).then(
            (body) => res.end(`${req.url} ${body}`),
            () => undefined,
          ),
      ),
  })
  t.teardown(() => close(0))
  return port
}

t.test('an unreadable request is answered, and the connection closes', async (t) => {
  const port = await listener(t)
  t.match(await exchangeRaw(port, 'NONSENSE\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n\r\n$/)
  t.match(await exchangeRaw(port, `GET / HTTP/1.1\r\nx: ${'a'.repeat(70_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /)
})

t.test('behind requests that wait for their answers it is answered in its turn', async (t) => {
  const port = await listener(t)
  const answers = await exchangeRaw(port, `${GET.repeat(12)}NONSENSE\r\n\r\nMORE`)
  t.same(
    [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    [...Array<string>(12).fill('200'), '400'],
  )
})

t.test('a body that cannot be read ends its connection', async (t) => {
  const port = await listener(t)
  const post = 'POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'
  t.equal(await exchangeRaw(port, `${post}5\r\nhello\r\nNONSENSE`), '')
})

t.test(
  'behind a slow request, a body that cannot be read ends the connection though its response has begun',
  async (t) => {
    const held: (() => void)[] = []
    const closed: string[] = []
    let received: () => void = () => undefined
    const { port, close } = await listen({
      host: '127.0.0.1',
      port: 0,
      limits: {
        maxHeaderSize: 32_768,
        maxUriLength: 4_096,
        timeout: 60_000,
        keepAlive: true,
        maxPipelinedRequests: 10,
      },
      onUpgrade: () => undefined,
      onRequest: (req, res) => {
        res.on('close', () => closed.push(req.url ?? ''))
        if (req.url === '/slow') return void held.push(() => res.end('slow'))
        markLastRequest(req.socket)
        res.shouldKeepAlive = false
        res.write('begun')
        req.once('data', received)
      },
    })
    t.teardown(() => close(0))
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    t.teardown(() => socket.destroy())
    const gone = once(socket, 'close')
    socket.resume()
    const hasPart = new Promise<void>((resolve) => {
      received = resolve
    })
    socket.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n')
    socket.write('POST /upload HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n')
    await hasPart
    socket.write('NONSENSE\r\n')
    await exchangeRaw(port, 'NONSENSE\r\n\r\n') // read after it
    for (const end of held) end()
    await gone
    t.same(closed, ['/slow', '/upload'])
  },
)

t.test('what follows a request with Connection: close is not read, and the request is answered', async (t) => {
  const port = await listener(t)
  t.match(await exchangeRaw(port, LAST + GET), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\/last/)
  t.notMatch(await exchangeRaw(port, LAST + GET), '/a')
})

t.test('no header is left out, however many there are', async (t) => {
  const port = await listener(t)
  const many = `POST /many HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${'a:\r\n'.repeat(2_200)}content-length: 5\r\n\r\nhello`
  t.match(await exchangeRaw(port, many), '/many hello')
})

t.test('a body in an unsupported transfer coding is refused', async (t) => {
  const { httpPort } = await gatewayInProcess(
    t,
    'openapi: 3.0.3\ninfo: { title: A, version: "1" }\nx-wso2-basePath: /a\nx-wso2-production-endpoints: { urls: ["http://127.0.0.1:9"] }\npaths: { /b: { post: { responses: {} } } }\n',
  )
  const post = (version: string, coding: string) =>
    exchangeRaw(
      httpPort,
      `POST /a/b HTTP/${version}\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: ${coding}\r\n\r\n0\r\n\r\n`,
    )
  t.match(await post('1.1', 'gzip, chunked'), /^HTTP\/1\.1 400 /)
  t.match(await post('1.0', 'chunked'), /^HTTP\/1\.1 400 /)
  t.match(await post('1.1', 'Chunked'), /^HTTP\/1\.1 401 /)
})
