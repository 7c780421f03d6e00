import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { Dispatcher } from 'undici'
import { createHttpClient } from '../../src/http-client/index.js'

const BODY = 'x'.repeat(1_000)
const CLOSING = 'HTTP/1.1 200 OK\r\nConnection: close\r\n'

/** An upstream that answers as `answer` does, on a socket of its own for each request. */
async function upstream(t: Test, answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => answer(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

/** Pauses a response at its first part; `ended` resolves to what came of it, once it is resumed or has failed. */
function pausedAtOnce(client: Dispatcher, origin: string) {
  let body = ''
  let resume = () => {}
  let isPaused = () => {}
  const paused = new Promise<void>((resolve) => {
    isPaused = resolve
  })
  const ended = new Promise<string>((resolve) => {
    client.dispatch(
      { origin, path: '/', method: 'GET' },
      {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData(controller, chunk) {
          if (body === '') {
            controller.pause()
            isPaused()
          }
          body += chunk
          resume = () => controller.resume()
        },
        onResponseEnd: () => resolve(`whole: ${body.length}`),
        onResponseError: (_, error) => resolve(`broken off: ${(error as NodeJS.ErrnoException).code}`),
      },
    )
  })
  return { paused, ended, resume: () => resume() }
}

/** Lets a client read whatever has arrived. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
}

t.test('a response that is paused when its connection ends goes on, and is whole', async (t) => {
  const heads = [`${CLOSING}Content-Length: ${BODY.length}\r\n\r\n`, `${CLOSING}\r\n`, 'HTTP/1.0 200 OK\r\n\r\n']
  for (const head of heads) {
    for (const isLate of [false, true]) {
      const sockets: Socket[] = []
      const origin = await upstream(t, (socket) => {
        sockets.push(socket)
        socket.write(head + BODY)
        if (!isLate) socket.end()
      })
      const client = createHttpClient()
      t.teardown(() => client.destroy())
      const { paused, ended, resume } = pausedAtOnce(client, origin)
      await paused
      for (const socket of sockets) socket.end()
      await turns()
      resume()
      t.equal(await ended, 'whole: 1000', JSON.stringify([head, isLate]))
    }
  }
})

t.test('a response that is paused when its connection is reset fails', async (t) => {
  for (const head of [`${CLOSING}Content-Length: 5000\r\n\r\n`, `${CLOSING}\r\n`]) {
    const sockets: Socket[] = []
    const origin = await upstream(t, (socket) => {
      sockets.push(socket)
      socket.write(head + BODY)
    })
    const client = createHttpClient()
    t.teardown(() => client.destroy())
    const { paused, ended } = pausedAtOnce(client, origin)
    await paused
    for (const socket of sockets) socket.resetAndDestroy()
    t.equal(await ended, 'broken off: UND_ERR_SOCKET', JSON.stringify(head))
  }
})

t.test('a large response that is paused at each part is whole', async (t) => {
  const size = 3_000_000
  for (const head of [`${CLOSING}Content-Length: ${size}\r\n\r\n`, `${CLOSING}\r\n`]) {
    const origin = await upstream(t, (socket) => void socket.end(head + 'y'.repeat(size)))
    const client = createHttpClient()
    t.teardown(() => client.destroy())
    let received = 0
    await new Promise<void>((resolve, reject) => {
      client.dispatch(
        { origin, path: '/', method: 'GET' },
        {
          onRequestStart() {},
          onResponseStart() {},
          onResponseData(controller, chunk) {
            if (chunk.length === 0) return // read where the response is resumed
            received += chunk.length
            controller.pause()
            setImmediate(() => controller.resume())
          },
          onResponseEnd: () => resolve(),
          onResponseError: (_, error) => reject(error),
        },
      )
    })
    t.equal(received, size)
  }
})
