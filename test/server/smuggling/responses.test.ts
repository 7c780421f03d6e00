// An upstream whose answers do not end where they say: whatever follows them is no answer to the next client.
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { exchangeRaw, tcpServer } from '../../support/servers.js'
import { gatewayBefore, ok } from './recorder.js'

interface Answered {
  readonly name: string
  /** In packets of their own. */
  readonly answer: string | readonly string[]
  readonly method?: string
  /** Whether the upstream closes the connection behind it: that ends an answer whose length nothing says. */
  readonly closes?: boolean
  /** What the client gets: the status, and the body. */
  readonly status: string
  readonly body?: string
  /** Whether its connection closes in the middle: the client must see that the answer is not whole. */
  readonly cut?: boolean
}

const EVIL = ok('evil')
const HELLO = ok('hello')
const NOT_FORWARDED = { status: '502' }

const UPSTREAMS: readonly Answered[] = [
  { name: 'more bytes after the answer', answer: HELLO + EVIL, status: '200', body: 'hello' },
  { name: 'a second answer in a packet of its own', answer: [HELLO, EVIL], status: '200', body: 'hello' },
  { name: 'half a second answer', answer: [HELLO, EVIL.slice(0, 20)], status: '200', body: 'hello' },
  { name: 'line ends after the answer', answer: [`${HELLO}\r\n\r\n`, EVIL], status: '200', body: 'hello' },
  {
    name: 'a length and a coding',
    answer: `HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n${EVIL}`,
    ...NOT_FORWARDED,
  },
  {
    name: 'a coding and a length',
    answer: `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n${EVIL}`,
    ...NOT_FORWARDED,
  },
  {
    name: 'two lengths',
    answer: `HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 47\r\n\r\nhello${EVIL}`,
    ...NOT_FORWARDED,
  },
  {
    name: 'one length twice',
    answer: `HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello${EVIL}`,
    ...NOT_FORWARDED,
  },
  { name: 'a signed length', answer: `HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello${EVIL}`, ...NOT_FORWARDED },
  {
    name: 'an unknown coding',
    answer: 'HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    closes: true,
    ...NOT_FORWARDED,
  },
  {
    name: 'a coding below chunks',
    answer: 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    ...NOT_FORWARDED,
  },
  {
    name: 'a space in front of a colon',
    answer: `HTTP/1.1 200 OK\r\ntransfer-encoding : chunked\r\ncontent-length: 5\r\n\r\nhello${EVIL}`,
    ...NOT_FORWARDED,
  },
  { name: 'bare LF', answer: `HTTP/1.1 200 OK\ncontent-length: 5\n\nhello${EVIL}`, ...NOT_FORWARDED },
  { name: 'bare CR', answer: `HTTP/1.1 200 OK\r\nx: a\rcontent-length: 5\r\n\r\nhello${EVIL}`, ...NOT_FORWARDED },
  { name: 'obs-fold', answer: `HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 5\r\n\r\nhello`, ...NOT_FORWARDED },
  { name: 'NUL', answer: `HTTP/1.1 200 OK\r\nx: a\0\r\ncontent-length: 5\r\n\r\nhello`, ...NOT_FORWARDED },
  { name: 'a body without a head', answer: 'hello', ...NOT_FORWARDED },
  { name: 'a status of four digits', answer: 'HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n', ...NOT_FORWARDED },
  {
    name: 'a protocol that nobody asked for',
    answer: `HTTP/1.1 101 Switching Protocols\r\n\r\n${EVIL}`,
    ...NOT_FORWARDED,
  },
  {
    name: 'an upgrade that nobody asked for',
    answer: `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n${EVIL}`,
    ...NOT_FORWARDED,
  },
  {
    name: 'a 204 with a body',
    answer: `HTTP/1.1 204 No Content\r\ncontent-length: ${EVIL.length}\r\n\r\n${EVIL}`,
    status: '204',
    body: '',
  },
  {
    name: 'a 204 with chunks',
    answer: 'HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n',
    status: '204',
    body: '',
  },
  {
    name: 'a 304 with a body',
    answer: `HTTP/1.1 304 Not Modified\r\ncontent-length: ${EVIL.length}\r\n\r\n${EVIL}`,
    status: '304',
    body: '',
  },
  { name: 'a HEAD with a body', method: 'HEAD', answer: ok(EVIL), status: '200', body: '' },
  {
    name: 'a HEAD with chunks',
    method: 'HEAD',
    answer: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n',
    status: '200',
    body: '',
  },
  {
    name: 'bare LF among chunks',
    answer: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n',
    ...NOT_FORWARDED,
  },
  {
    name: 'chunks that do not end',
    answer: `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n${EVIL}`,
    status: '200',
    cut: true,
  },
  {
    name: 'a length in a trailer',
    answer: `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\ncontent-length: 50\r\n\r\n${EVIL}`,
    status: '200',
    cut: true,
  },
]

/** A gateway before an upstream that answers `/open` with some bytes, and `/next` with its path. */
async function gateway(t: Test, answered: () => Pick<Answered, 'answer' | 'closes'>): Promise<number> {
  const { port } = await tcpServer(t, (socket) => {
    socket.setNoDelay(true)
    socket.setEncoding('latin1').on('data', async (chunk: string) => {
      if (chunk.includes(' /next ')) return void socket.write(ok('/next'))
      const { answer, closes = false } = answered()
      for (const packet of [answer].flat()) {
        socket.write(packet, 'latin1')
        await new Promise(setImmediate)
      }
      if (closes) socket.end()
    })
  })
  return (await gatewayBefore(t, { port })).port
}

const ask = (port: number, method: string, path: string) =>
  exchangeRaw(port, `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)

t.test('what follows an answer, or is not framed in one way, is no answer to the next client', async (t) => {
  let answered: Answered | undefined
  const port = await gateway(t, () => answered ?? { answer: '' })
  for (const upstream of UPSTREAMS) {
    answered = upstream
    const { name, method = 'GET', status, body, cut = false } = upstream
    const got = await ask(port, method, '/api/open')
    t.equal(got.split(' ', 2)[1], status, name)
    if (body !== undefined) t.equal(got.slice(got.indexOf('\r\n\r\n') + 4), body, name)
    if (cut) t.notOk(got.endsWith('0\r\n\r\n'), `${name}: the client sees that it is not whole`)
    t.notMatch(got, 'evil', name)
    for (let i = 0; i < 2; i++) t.match(await ask(port, 'GET', '/api/next'), /^HTTP\/1\.1 200 .*\r\n\r\n\/next$/s, name)
  }
})

t.test('an answer that comes before its request is no answer', async (t) => {
  let unasked: () => Promise<void> = async () => undefined
  const { port } = await tcpServer(t, (socket) => {
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    unasked = async () => {
      socket.write(EVIL)
      await closed
    }
    socket.on('data', () => socket.write(HELLO))
  })
  const { port: gatewayPort } = await gatewayBefore(t, { port })
  for (let i = 0; i < 3; i++) {
    t.match(await ask(gatewayPort, 'GET', '/api/open'), /hello$/)
    await unasked()
  }
})

t.test('behind an upstream that answers before it has the body, nothing of the body is a request', async (t) => {
  const seen: string[] = []
  const { port } = await tcpServer(t, (socket) => {
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      seen.push(chunk)
      if (/^(POST|GET) /.test(chunk)) socket.write(chunk.startsWith('POST') ? ok('early') : ok('/next'))
    })
  })
  const { port: gatewayPort, revoked } = await gatewayBefore(t, { port })
  const inside = `GET /api/secret HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${revoked}\r\n\r\n`
  const socket = connect({ port: gatewayPort, host: '127.0.0.1' }).setEncoding('latin1')
  socket.on('error', () => undefined)
  socket.write('POST /api/open HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nbegun')
  let answer = ''
  for await (const chunk of socket) {
    answer += chunk
    if (answer.endsWith('early')) socket.write(inside + inside) // the rest of the body, or requests that are pipelined
  }
  t.match(answer, /^HTTP\/1\.1 200 .*connection: close\r\n.*early$/is)
  t.match(await ask(gatewayPort, 'GET', '/api/next'), /\/next$/s)
  t.notMatch(seen.join(''), revoked)
})

t.test('nothing that follows a refused request is served, whether its body has arrived or not', async (t) => {
  const seen: string[] = []
  const { port } = await tcpServer(t, (socket) => socket.on('data', (chunk) => seen.push(String(chunk))))
  const { port: gatewayPort, revoked } = await gatewayBefore(t, { port })
  const open = 'GET /api/open HTTP/1.1\r\nhost: x\r\n\r\n'
  for (const length of [open.length + 1, 100_000]) {
    const head = `POST /api/secret HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${revoked}\r\ncontent-length: ${length}\r\n\r\n`
    const answer = await exchangeRaw(gatewayPort, `${head}${open}`)
    t.match(answer, /^HTTP\/1\.1 401 /)
    t.equal(answer.match(/HTTP\/1\.1/g)?.length, 1)
  }
  t.same(seen, [])
})
