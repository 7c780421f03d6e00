import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import { silent } from '../../../../src/logging/index.js'
import { type Amqp091Options, amqp091Source } from '../../../../src/sources/realtime/amqp-0-9-1/source.js'
import { startAmqp10Broker } from '../../../services/amqp10-broker.js'
import { run } from '../recording-sink.js'

const source = (port: number, options: Partial<Amqp091Options> = {}) =>
  amqp091Source({
    brokers: [{ host: '127.0.0.1', port, tls: false }],
    topic: 'tokenRevocation',
    vhost: 'carbon',
    username: 'admin',
    password: new Secret('admin'),
    logging: silent,
    backoff: { base: 5, max: 50, slow: 50 },
    ...options,
  })

/** A server that says `greeting` to everybody, and nothing else. */
async function listen(t: Test, greeting: Buffer): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).resume()
    if (greeting.length > 0) socket.write(greeting)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { server, port: (server.address() as AddressInfo).port }
}

t.test('another protocol at the port is named', async (t) => {
  const greetings: [hex: string, name: RegExp][] = [
    ['00000152014163746976654d51', /expected AMQP 0-9-1, found OpenWire/],
    ['414d515003010000', /expected AMQP 0-9-1, found AMQP 1.0/],
    ['414d515000000800', /another version of AMQP/],
    [Buffer.from('HTTP/1.1 400 Bad Request').toString('hex'), /found HTTP/],
    ['ffffffffffffffffff', /an unknown protocol/],
  ]
  for (const [hex, name] of greetings) {
    const { port } = await listen(t, Buffer.from(hex, 'hex'))
    const sink = run(t, source(port))
    await sink.status('failed')
    t.match(sink.detail('failed'), name)
    t.match(sink.detail('failed'), /ERR_BROKER_PROTOCOL/)
  }
})

t.test('a broker of AMQP 1.0 is a failure, not a crash', async (t) => {
  const broker = await startAmqp10Broker(t)
  const sink = run(t, source(broker.port))
  await sink.status('failed', 2)
  t.same([...new Set(sink.states.map(({ status }) => status))], ['connecting', 'failed'])
})

t.test('a broker that is away is tried again', async (t) => {
  const { server, port } = await listen(t, Buffer.alloc(0))
  server.close()
  await once(server, 'close')
  const sink = run(t, source(port))
  await sink.status('failed', 3)
  t.match(sink.detail('failed'), /ECONNREFUSED/)
})

t.test('the end of the run ends an attempt under way', async (t) => {
  const { server, port } = await listen(t, Buffer.alloc(0))
  const connected = once(server, 'connection')
  const end = new AbortController()
  const running = source(port).run({ revoked() {}, state() {}, resync() {} }, end.signal)
  await connected
  end.abort()
  await running
  const closed = once(server, 'close')
  server.close()
  await closed
  t.pass('no connection is left')
})

t.test('invalid options are refused by name', async (t) => {
  t.throws(() => source(1, { brokers: [] }), /brokers/)
  t.throws(() => source(1, { topic: '' }), /topic/)
  for (const heartbeat of [0, 1.5, 65_536, Number.NaN]) t.throws(() => source(1, { heartbeat }), /heartbeat/)
})
