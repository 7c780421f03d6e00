import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type Test, test } from 'tap'
import { limitPipelining } from '../../../src/server/listeners/pipelining.js'

const LIMIT = 10

/** A server that answers when it is told to, with the path that was asked for. */
async function server(t: Test) {
  const open: { path: string; res: ServerResponse }[] = []
  const paths: string[] = []
  const waiters: (() => void)[] = []
  const http = createServer(
    limitPipelining(
      LIMIT,
      (req, res) => {
        paths.push(req.url ?? '')
        open.push({ path: req.url ?? '', res })
        for (const waiter of waiters.splice(0)) waiter()
      },
      () => {},
    ),
  ).listen(0, '127.0.0.1')
  const read: Socket[] = []
  http.on('connection', (socket) => read.push(socket))
  await once(http, 'listening')
  t.teardown(() => {
    http.closeAllConnections()
    http.close()
  })
  const received = async (count: number): Promise<void> => {
    while (paths.length < count) await new Promise<void>((resolve) => waiters.push(resolve))
  }
  return { port: (http.address() as AddressInfo).port, open, paths, received, read }
}

async function client(t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

const gets = (from: number, to: number): string => {
  let text = ''
  for (let i = from; i < to; i++) text += `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`
  return text
}

/** Sends one request on each of so many connections: once they are there, the server has had time for more of the first. */
async function others(t: Test, port: number, count: number, received: (count: number) => Promise<void>) {
  for (let i = 1; i <= count; i++) {
    const other = await client(t, port)
    other.write(gets(100_000, 100_001))
    await received(i)
  }
}

test('requests of one connection are worked on up to the limit, and all are answered in their order', async (t) => {
  const { port, open, paths, received } = await server(t)
  const socket = await client(t, port)
  let answers = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answers += chunk
  })
  socket.write(gets(0, 25))
  await received(LIMIT)
  await others(t, port, 1, () => received(LIMIT + 1))
  t.equal(paths.length, LIMIT + 1, 'the others wait')
  let most = 0
  for (let answered = 0; answered < 26; answered++) {
    await received(answered + 1)
    most = Math.max(most, open.length)
    const first = open.shift()
    first?.res.end(`path ${first.path};`)
  }
  while (!answers.includes('path /24;')) await once(socket, 'data')
  t.same(
    [...answers.matchAll(/path \/(\d+);/g)].map(([, path]) => Number(path)),
    Array.from({ length: 25 }, (_, i) => i),
  )
  t.ok(most <= LIMIT + 1)
  socket.write(gets(25, 26))
  await received(27)
  t.equal(paths.at(-1), '/25', 'and the connection goes on')
})

test('a client that leaves ends what is worked on, and takes what waits with it', async (t) => {
  const { port, open, paths, received } = await server(t)
  const socket = await client(t, port)
  socket.write(gets(0, 25))
  await received(LIMIT)
  const closed = open.map(({ res }) => once(res, 'close'))
  socket.resetAndDestroy()
  await Promise.all(closed)
  await others(t, port, 1, () => received(LIMIT + 1))
  t.equal(paths.at(-1), '/100000')
})

test('a client that sends thousands at once is cut off', async (t) => {
  const { port, received, read } = await server(t)
  const socket = await client(t, port)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(gets(0, 50_000))
  await closed
  t.ok(read[0] !== undefined && read[0].bytesRead < 300_000, `${read[0]?.bytesRead} bytes were read`)
  await others(t, port, 1, () => received(LIMIT + 1))
})
