import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { constants, createServer } from 'node:http2'
import { type AddressInfo, connect, Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { RequestBody } from '../../../src/proxy/http/request-body.js'
import type { BodyFailure } from '../../../src/proxy/transfer.js'
import * as h2 from '../../support/http2-frames.js'

const PACE = { bytesPerSecond: 1_000_000_000, grace: 50 }

/** A body that comes as the test pushes it; who takes it reads nothing yet. */
function upload(mayGoOn = () => true, req = new IncomingMessage(new Socket())) {
  let tell: (failure: BodyFailure) => void = () => undefined
  const failed = new Promise<BodyFailure>((resolve) => {
    tell = resolve
  })
  const failures: BodyFailure[] = []
  const body = new RequestBody(
    { body: req, isComplete: false },
    { maxBytes: Number.POSITIVE_INFINITY, pace: PACE },
    {
      mayBegin: mayGoOn,
      mayGoOn,
      failed: (failure) => {
        failures.push(failure)
        tell(failure)
      },
    },
  )
  return { req, body, failed, failures }
}

t.test('only the time in which the client is waited for counts', async (t) => {
  const held = upload()
  held.req.push(Buffer.alloc(100_000))
  held.body.read(0) // the upstream asks once, and takes nothing
  const slow = upload()
  slow.body.resume()
  t.equal(await slow.failed, 'body-too-slow')
  const again = upload()
  again.body.resume()
  t.equal(await again.failed, 'body-too-slow')
  t.strictSame(held.failures, [], 'its upstream was slow, not its client')
  held.body.resume()
  t.equal(await held.failed, 'body-too-slow', 'its client is waited for now')
})

t.test('destroying the body leaves the request open and paused', async (t) => {
  const { req, body } = upload()
  body.destroy()
  await once(body, 'close')
  t.notOk(req.destroyed)
  t.ok(req.isPaused())
  t.equal(req.listenerCount('data'), 0)
})

t.test('a body whose client had left before fails', async (t) => {
  const req = new IncomingMessage(new Socket())
  req.destroy()
  await once(req, 'close')
  const { failed, body } = upload(() => true, req)
  t.equal(await failed, 'client-left')
  t.ok(body.destroyed)
})

t.test('a body whose HTTP/2 stream is reset in the middle is never whole, whatever the code', async (t) => {
  for (const code of [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL]) {
    const server = createServer().listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    // Node's own client ends its body before it resets a stream.
    const client = h2.rawHttp2Over(t, connect((server.address() as AddressInfo).port, '127.0.0.1'))
    const ends = new Promise((resolve) => {
      server.on('stream', (stream) => {
        stream.on('error', () => undefined)
        const failed = (failure: BodyFailure) => resolve(failure)
        const limits = { maxBytes: Number.POSITIVE_INFINITY }
        const body = new RequestBody({ body: stream, isComplete: false }, limits, {
          mayBegin: () => true,
          mayGoOn: () => true,
          failed,
        })
        body.on('data', () => client.send(h2.reset(1, code))).on('end', () => resolve('whole'))
      })
    })
    client.send(h2.headers(1, h2.pseudo('/', 'POST'), false), h2.frame(h2.TYPE.data, 0, 1, 'half'))
    t.equal(await ends, 'client-left', `code ${code}`)
  }
})

t.test('a body held back by the check never goes on: neither its end nor its buffered rest', async (t) => {
  let known = true
  for (const [name, come] of [
    ['end', () => undefined],
    ['rest', (req: IncomingMessage) => req.push('held back')],
  ] as const) {
    known = true
    const { req, body } = upload(() => known)
    const taken: string[] = []
    body.on('data', (chunk: Buffer) => taken.push(String(chunk))).on('end', () => taken.push('end'))
    req.push('first')
    await setImmediate()
    body.pause() // its upstream is slow
    come(req)
    await setImmediate()
    known = false
    if (name === 'end') req.push(null)
    body.resume()
    await setImmediate()
    t.strictSame(taken, ['first'], name)
    body.destroy()
  }
})
