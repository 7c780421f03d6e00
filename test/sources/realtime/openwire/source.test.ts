import type { Socket } from 'node:net'
import { test } from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import { FrameAssembler } from '../../../../src/sources/realtime/openwire/frames.js'
import { type OpenWireSourceOptions, openWireSource } from '../../../../src/sources/realtime/openwire/source.js'
import { fakeBroker, sized, WIRE_FORMAT } from './fake-broker.js'
import { listen, listenLive } from './listen.js'
import { FRAMES } from './recorded-frames.js'

/** A broker that confirms every request, then sends what a test says. `received` gathers the frames that came. */
function confirming(received: Buffer[], then: Buffer[] = []) {
  return (socket: Socket) => {
    const assembler = new FrameAssembler(1024)
    socket.write(WIRE_FORMAT)
    socket.on('data', (chunk: Buffer) => {
      for (const { bytes: frame } of assembler.push(Buffer.from(chunk))) {
        received.push(Buffer.from(frame))
        const [type] = frame
        if (type !== 3 && type !== 4 && type !== 5) continue
        socket.write(sized(Buffer.concat([Buffer.from('1e0000000000', 'hex'), frame.subarray(1, 5)])))
        if (type === 5) for (const bytes of then) socket.write(bytes)
      }
    })
  }
}

test('invalid options are refused by name', async (t) => {
  const good: OpenWireSourceOptions = {
    brokers: [{ host: 'localhost', port: 61616, tls: false }],
    topic: 'tokenRevocation',
    onMessage: () => undefined,
  }
  t.equal(openWireSource(good).name, 'openwire')
  const bad: [Partial<OpenWireSourceOptions>, RegExp][] = [
    [{ brokers: [] }, /^brokers/],
    [{ brokers: [{ host: '', port: 1, tls: false }] }, /^brokers/],
    [{ brokers: [{ host: 'a', port: 0, tls: false }] }, /^brokers/],
    [{ brokers: [{ host: 'a', port: 65_536, tls: false }] }, /^brokers/],
    [{ topic: '' }, /^topic/],
    [{ durable: { clientId: '', name: 'a' } }, /^clientId/],
    [{ username: 'x'.repeat(10_001) }, /^username/],
    [{ password: new Secret('x'.repeat(10_001)) }, /^password/],
    [{ heartbeat: 0 }, /^heartbeat/],
    [{ heartbeat: Number.NaN }, /^heartbeat/],
    [{ connectTimeout: 0 }, /^connectTimeout/],
    [{ maxFrameSize: 1 }, /^maxFrameSize/],
    [{ maxFrameSize: 2 ** 31 }, /^maxFrameSize/],
  ]
  for (const [options, message] of bad) {
    t.throws(() => openWireSource({ ...good, ...options }), { name: 'RangeError', message })
  }
})

test('an unreadable message is counted and acknowledged, and the next one arrives', async (t) => {
  const received: Buffer[] = []
  const broken = Buffer.from(FRAMES.compressedTextDispatch)
  const zlib = broken.indexOf(Buffer.from('789c', 'hex'))
  broken.writeUInt16BE(0, zlib)
  const port = await fakeBroker(t, confirming(received, [sized(broken), sized(FRAMES.mapDispatch)]))
  const { states, malformed, messages, until } = await listenLive(t, port)
  await until(() => messages.length === 1)
  t.same(malformed, ['ERR_OPENWIRE_MALFORMED'])
  t.same(states, ['connecting', 'live'])
})

test('a message that is too long is counted and acknowledged, and the next one arrives', async (t) => {
  const received: Buffer[] = []
  const long = Buffer.concat([FRAMES.compressedTextDispatch, Buffer.alloc(100_000)])
  const port = await fakeBroker(t, confirming(received, [sized(long), sized(FRAMES.mapDispatch)]))
  const { states, malformed, messages, until } = await listenLive(t, port, { maxFrameSize: 1024 })
  await until(() => messages.length === 1)
  t.same(malformed, ['ERR_OPENWIRE_BODY_TOO_LONG'])
  t.same(states, ['connecting', 'live'])
})

test('garbage after the subscription is a gap, and the source comes back', async (t) => {
  const port = await fakeBroker(t, confirming([], [Buffer.from('7fffffff', 'hex')]))
  const { states, details, until } = await listenLive(t, port)
  await until(() => states.filter((state) => state === 'gap').length >= 2)
  t.same(states.slice(0, 4), ['connecting', 'live', 'gap', 'live'])
  t.match(details[0], 'ERR_OPENWIRE_FRAME_TOO_LONG')
})

test('a broker that does not answer is given up', async (t) => {
  const port = await fakeBroker(t, () => undefined)
  const { states, details, until } = listen(t, port, { connectTimeout: 50 })
  await until(() => states.includes('failed'))
  t.match(details[0], 'ERR_OPENWIRE_CONNECT_TIMEOUT')
})

test('without a user name no password is sent', async (t) => {
  const received: Buffer[] = []
  const port = await fakeBroker(t, confirming(received))
  const anonymous = await listenLive(t, port, { username: '', password: new Secret('p4ssw0rd') })
  await anonymous.stop()
  t.notOk(Buffer.concat(received).includes('p4ssw0rd'))
  await listenLive(t, port, { username: 'user', password: new Secret('p4ssw0rd') })
  t.ok(Buffer.concat(received).includes('p4ssw0rd'))
})

test('stopping says good-bye to the broker: consumer, connection, shutdown', async (t) => {
  const received: Buffer[] = []
  const gone = new Promise<void>((resolve) => {
    void fakeBroker(t, (socket) => {
      confirming(received)(socket)
      socket.once('end', resolve)
    }).then(async (port) => (await listenLive(t, port)).stop())
  })
  await gone
  t.same(
    received.map(([type]) => type),
    [1, 3, 4, 5, 12, 12, 11],
  )
})
