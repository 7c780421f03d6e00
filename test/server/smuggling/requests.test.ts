// What one side reads as one request and the other as two, or with another body: a row a trick. The gateway refuses it, or
// forwards it such that every reading of it that a server is known for is the same.
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { READINGS, STRICT } from './readings.js'
import { gatewayBefore, type Recorder, recorder } from './recorder.js'
import { chunked, forwarded, refused } from './tricks.js'

/** Sends bytes in pieces of a length, and resolves with all that comes back until the gateway closes. */
async function exchange(port: number, bytes: string, piece: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const closed = new Promise((resolve) => socket.on('close', resolve)) // `once` would reject if the gateway resets
  for (let at = 0; at < bytes.length && socket.writable; at += piece) {
    socket.write(bytes.slice(at, at + piece), 'latin1')
    await new Promise(setImmediate)
  }
  await closed
  return answer
}

const statuses = (answer: string) => [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status).join()
const PIECES = [Number.MAX_SAFE_INTEGER, 13]

/** Whether no reading of what the upstream got has a request with that token, or for what only it could open. */
const isSafe = (upstream: Recorder, revoked: string) =>
  READINGS.every((reading) =>
    upstream
      .requests(reading)
      .every(
        ({ target, headers }) => !target.startsWith('/secret') && !`${headers.get('authorization')}`.includes(revoked),
      ),
  )

t.test('what can be read in two ways is refused, and nobody is asked', async (t) => {
  const upstream = await recorder(t)
  const { port, revoked } = await gatewayBefore(t, upstream)
  for (const { name, bytes, status } of refused(revoked)) {
    for (const piece of PIECES) {
      upstream.forget()
      const answer = await exchange(port, bytes, piece)
      t.equal(statuses(answer), status, `${name}: ${status === '' ? 'closed' : status}`)
      const whole = READINGS.flatMap((reading) => upstream.requests(reading).filter((request) => request.whole))
      t.same(whole, [], `${name}: nothing is forwarded`)
      t.ok(isSafe(upstream, revoked), `${name}: no token that is revoked`)
    }
  }
})

t.test('what is forwarded has one reading, and the next client gets its own answer', async (t) => {
  const upstream = await recorder(t)
  const { port, revoked } = await gatewayBefore(t, upstream)
  const next = 'GET /api/next HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'
  for (const { name, bytes, status, seen = [] } of forwarded(revoked)) {
    for (const piece of PIECES) {
      upstream.forget()
      t.equal(statuses(await exchange(port, bytes, piece)), status, name)
      const expected = [...seen].sort().join('\n')
      const others = READINGS.filter((reading) => upstream.seen(reading).sort().join('\n') !== expected)
      t.same(
        others.map((reading) => [reading.name, upstream.seen(reading)]),
        [],
        `${name}: read as ${seen}`,
      )
      t.ok(isSafe(upstream, revoked), `${name}: no token that is revoked`)
      t.match(await exchange(port, next, next.length), /^HTTP\/1\.1 200 .*\r\n\r\n\/next$/s)
    }
  }
})

t.test('a body that never ends is not ended for it, and its connection is not used again', async (t) => {
  const upstream = await recorder(t)
  const { port, revoked } = await gatewayBefore(t, upstream)
  const secret = `GET /secret HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${revoked}\r\n\r\n`
  for (const bytes of [chunked(`ffffffff\r\n0\r\n\r\n${secret}`), chunked(`5\r\nhello\r\n`)]) {
    upstream.forget()
    const socket = connect({ port, host: '127.0.0.1' }).on('error', () => undefined)
    socket.write(bytes, 'latin1')
    await upstream.receives(bytes.includes('hello') ? 'hello' : 'secret')
    socket.destroy()
    await upstream.closes()
    t.same(
      READINGS.map((reading) => upstream.seen(reading).length),
      READINGS.map(() => 1),
    )
    t.ok(isSafe(upstream, revoked))
    t.notOk(upstream.requests(STRICT)[0]?.whole)
  }
})
