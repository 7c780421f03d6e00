import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { RequestBody } from '../../../src/proxy/http/request-body.js'
import type { BodyFailure } from '../../../src/proxy/transfer.js'

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
