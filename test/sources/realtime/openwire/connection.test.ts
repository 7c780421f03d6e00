import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer } from 'node:tls'
import { generate } from 'selfsigned'
import { type Test, test } from 'tap'
import { type ConnectionOptions, OpenWireConnection } from '../../../../src/sources/realtime/openwire/connection.js'
import { fakeBroker, listening, sized, WIRE_FORMAT } from './fake-broker.js'
import { FRAMES } from './recorded-frames.js'

function connect(t: Test, port: number, options: Partial<ConnectionOptions> = {}): OpenWireConnection {
  const connection = new OpenWireConnection(
    { host: '127.0.0.1', port, tls: undefined, maxInactivity: 30_000, maxFrameSize: 1024 * 1024, ...options },
    { message: () => undefined, tooLong: () => undefined },
  )
  t.teardown(() => connection.end())
  return connection
}

/** Speaks OpenWire's first frame, then what the test says. */
const negotiated = (then: (socket: Socket) => void) => (socket: Socket) => {
  socket.resume()
  socket.write(WIRE_FORMAT)
  then(socket)
}

const latin1 = (text: string) => Buffer.from(text, 'latin1')

test('another protocol at the port is named', async (t) => {
  const cases: [bytes: Buffer, name: string][] = [
    [latin1('AMQP\x00\x00\x09\x01'), 'AMQP 0-9-1'],
    [latin1('AMQP\x00\x01\x00\x00'), 'AMQP 1.0'],
    [latin1('AMQP\x03\x01\x00\x00'), 'AMQP 1.0 (SASL)'],
    [latin1('HTTP/1.1 400 Bad Request\r\n\r\n'), 'HTTP'],
    [latin1('SSH-2.0-OpenSSH_9.2\r\n'), 'SSH'],
    [latin1('ERROR\nmessage:Unknown STOMP action\n\n\0'), 'STOMP'],
    [Buffer.from('15030300020246', 'hex'), 'TLS'],
    [latin1('-ERR unknown command\r\n'), 'one that is not known'],
    [Buffer.from('0000000a024163746976654d51', 'hex'), 'one that is not known'],
  ]
  for (const [bytes, name] of cases) {
    const port = await fakeBroker(t, (socket) => socket.end(bytes))
    const error = await connect(t, port).closed
    t.equal(error?.code, 'ERR_OPENWIRE_FOREIGN_PROTOCOL', name)
    t.ok(error?.message.endsWith(`: ${name}`), `${error?.message} names ${name}`)
  }
})

test('what a connection ends with is named', async (t) => {
  const above100MiB = Buffer.from('06400001', 'hex')
  const longResponse = sized(Buffer.alloc(1024 * 1024 + 1, 30))
  const version9 = Buffer.from(WIRE_FORMAT)
  version9.writeInt32BE(9, 4 + 1 + 8)
  const cases: [title: string, code: string, bytes: Buffer[]][] = [
    ['nothing', 'ERR_OPENWIRE_CLOSED', []],
    ['an old version', 'ERR_OPENWIRE_VERSION', [version9]],
    ['a frame above 100 MiB', 'ERR_OPENWIRE_FRAME_TOO_LONG', [WIRE_FORMAT, above100MiB]],
    ['a frame above the limit that holds no message', 'ERR_OPENWIRE_FRAME_TOO_LONG', [WIRE_FORMAT, longResponse]],
    ['a frame of no size', 'ERR_OPENWIRE_MALFORMED', [WIRE_FORMAT, Buffer.alloc(4)]],
    ['a frame of negative size', 'ERR_OPENWIRE_MALFORMED', [WIRE_FORMAT, Buffer.from('80000000', 'hex')]],
    ['an unknown command', 'ERR_OPENWIRE_UNKNOWN_COMMAND', [WIRE_FORMAT, sized(Buffer.from('630000000000', 'hex'))]],
    ['half a message', 'ERR_OPENWIRE_TRUNCATED', [WIRE_FORMAT, sized(FRAMES.mapDispatch.subarray(0, 99))]],
    ['a shutdown', 'ERR_OPENWIRE_CLOSED', [WIRE_FORMAT, sized(Buffer.from('0b0000000000', 'hex'))]],
    [
      'a security exception of its own accord',
      'ERR_OPENWIRE_ACCESS_DENIED',
      [
        WIRE_FORMAT,
        sized(Buffer.from(`1000000000000101001b${latin1('java.lang.SecurityException').toString('hex')}00`, 'hex')),
      ],
    ],
  ]
  for (const [title, code, bytes] of cases) {
    const port = await fakeBroker(t, (socket) => socket.end(Buffer.concat(bytes)))
    t.equal((await connect(t, port).closed)?.code, code, title)
  }
})

test('a wire format that comes byte by byte is understood', async (t) => {
  const port = await fakeBroker(t, async (socket) => {
    socket.setNoDelay(true)
    for (const byte of WIRE_FORMAT) {
      await new Promise((resolve) => socket.write(Buffer.of(byte), resolve))
    }
  })
  await t.resolves(connect(t, port).opened)
})

test('nobody at the port is named, with the cause', async (t) => {
  const connection = connect(t, 1)
  const error = await connection.closed
  t.equal(error?.code, 'ERR_OPENWIRE_CONNECT_FAILED')
  t.match(error?.cause, { code: 'ECONNREFUSED' })
  await t.rejects(connection.opened, { code: 'ERR_OPENWIRE_CONNECT_FAILED' })
})

test('a broker that falls silent is given up after the time agreed', async (t) => {
  let pings = 0
  const port = await fakeBroker(t, (socket) => {
    socket.write(WIRE_FORMAT)
    socket.on('data', () => pings++)
  })
  const began = performance.now()
  const error = await connect(t, port, { maxInactivity: 90 }).closed
  t.equal(error?.code, 'ERR_OPENWIRE_INACTIVE')
  t.ok(performance.now() - began >= 75, 'after five of the six looks in it')
  t.ok(pings >= 2, 'and was asked for a sign of life before')
})

test('a broker that asks for a sign of life gets one', async (t) => {
  const answer = new Promise<string>((resolve) => {
    void fakeBroker(t, (socket) => {
      socket.once('data', () => {
        socket.once('data', (chunk: Buffer) => resolve(chunk.toString('hex')))
        socket.write(Buffer.concat([WIRE_FORMAT, sized(Buffer.from('0a0000000001', 'hex'))]))
      })
    }).then((port) => connect(t, port))
  })
  t.equal(await answer, '00000006' + '0a' + '00000001' + '00')
})

test('a broker that asks without end and reads nothing does not fill the memory', async (t) => {
  const asking = Buffer.concat(Array.from({ length: 6000 }, () => sized(Buffer.from('0a0000000001', 'hex'))))
  const port = await fakeBroker(t, (socket) => {
    socket.pause()
    socket.write(WIRE_FORMAT)
    const ask = () => {
      while (socket.writable && socket.write(asking));
    }
    socket.on('drain', ask)
    ask()
  })
  t.equal((await connect(t, port).closed)?.code, 'ERR_OPENWIRE_INACTIVE')
})

test('requests that are under way when the connection ends are rejected with the reason', async (t) => {
  const port = await fakeBroker(
    t,
    negotiated((socket) => socket.once('data', () => socket.destroySoon())),
  )
  const connection = connect(t, port)
  await connection.opened
  await t.rejects(connection.request({ type: 4, fields: Buffer.alloc(0) }, 'ERR_OPENWIRE_ACCESS_DENIED'), {
    code: 'ERR_OPENWIRE_CLOSED',
  })
  await t.rejects(connection.request({ type: 4, fields: Buffer.alloc(0) }, 'ERR_OPENWIRE_ACCESS_DENIED'), {
    code: 'ERR_OPENWIRE_CLOSED',
  })
})

test('a topic that the broker does not have names the key of the topic', async (t) => {
  const [name, other] = [
    Buffer.from('java.lang.SecurityException'),
    Buffer.from('javax.jms.InvalidDestinationException'),
  ]
  const recorded = FRAMES.exceptionResponse
  const at = recorded.indexOf(name)
  const answer = Buffer.concat([
    recorded.subarray(0, at - 2),
    Buffer.of(0, other.length),
    other,
    recorded.subarray(at + name.length),
  ])
  const port = await fakeBroker(
    t,
    negotiated((socket) => socket.once('data', () => socket.on('data', () => socket.write(sized(answer))))),
  )
  const connection = connect(t, port)
  await connection.opened
  await t.rejects(connection.request({ type: 4, fields: Buffer.alloc(0) }, 'ERR_OPENWIRE_ACCESS_DENIED'), {
    code: 'ERR_OPENWIRE_NO_TOPIC',
    slow: true,
    message: /correct tokenRevocationConfig\.realtime\.jmsConnectionTopic/,
  })
})

test('an ended connection has no reason; ending twice, or before it opened, does no harm', async (t) => {
  const port = await fakeBroker(
    t,
    negotiated(() => undefined),
  )
  const connection = connect(t, port)
  await connection.opened
  await Promise.all([connection.end(), connection.end()])
  t.equal(await connection.closed, undefined)
  const early = connect(t, port)
  await early.end()
  t.equal((await early.closed)?.code, 'ERR_OPENWIRE_ABORTED')
})

test('a client certificate is presented, and a broker without the right name is refused', async (t) => {
  const names = {
    extensions: [{ name: 'subjectAltName' as const, altNames: [{ type: 2 as const, value: 'broker.test' }] }],
  }
  const server = await generate([{ name: 'commonName', value: 'broker.test' }], names)
  const client = await generate([{ name: 'commonName', value: 'gateway' }])
  const broker = createServer({ key: server.private, cert: server.cert, ca: client.cert, requestCert: true })
  const seen = once(broker, 'secureConnection')
  const port = await listening(t, broker, 'secureConnection')
  const tls = { ca: server.cert, key: client.private, cert: client.cert, servername: 'broker.test' }
  connect(t, port, { tls })
  const [socket] = await seen
  t.equal(socket.authorized, true)
  t.equal(socket.getPeerCertificate().subject.CN, 'gateway')
  const wrong = await connect(t, port, { tls: { ca: server.cert } }).closed
  t.equal(wrong?.code, 'ERR_OPENWIRE_CONNECT_FAILED')
  t.match(wrong?.cause, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

test('the name of the host is asked for in TLS', async (t) => {
  const names = {
    extensions: [{ name: 'subjectAltName' as const, altNames: [{ type: 2 as const, value: 'localhost' }] }],
  }
  const certificate = await generate([{ name: 'commonName', value: 'localhost' }], names)
  const broker = createServer({ key: certificate.private, cert: certificate.cert })
  const seen = once(broker, 'secureConnection')
  const port = await listening(t, broker, 'secureConnection')
  connect(t, port, { host: 'localhost', tls: { ca: certificate.cert } })
  const [socket] = await seen
  t.equal(socket.servername, 'localhost')
})
