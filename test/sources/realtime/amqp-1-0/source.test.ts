import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { generate } from 'selfsigned'
import t from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import { createLogging, silent } from '../../../../src/logging/index.js'
import { TopicListener } from '../../../../src/sources/message/index.js'
import { type Amqp10Options, amqp10Source } from '../../../../src/sources/realtime/amqp-1-0/source.js'
import { startAmqp10Broker } from '../../../services/amqp10-broker.js'
import { RecordingSink, run } from '../recording-sink.js'

const QUICK = { base: 5, max: 50, slow: 50 }

function source(ports: number | number[], options: Partial<Amqp10Options> = {}) {
  const brokers = [ports].flat().map((port) => ({ host: '127.0.0.1', port, tls: false }))
  return amqp10Source({
    brokers,
    topic: 'tokenRevocation',
    username: '',
    password: new Secret(''),
    logging: silent,
    backoff: QUICK,
    ...options,
  })
}

t.test('a message of the topic reaches the sink, one of another topic does not', async (t) => {
  const broker = await startAmqp10Broker(t, { topicPrefix: 'topic://' })
  const sink = run(t, source(broker.port))
  await sink.status('live')
  t.match(broker.subscriptions, [{ address: 'topic://tokenRevocation', capabilities: ['topic'] }])
  broker.publish('another', { body: { revokedToken: 'other' } })
  broker.publish('tokenRevocation', { body: { revokedToken: 'map' } })
  broker.publish('tokenRevocation', { body: '{"event":{"payloadData":{"revokedToken":"text"}}}' })
  broker.publish('tokenRevocation', { body: undefined, application_properties: { revokedToken: 'property' } })
  await sink.until(() => sink.records.length === 3)
  t.same(sink.ids, ['map', 'text', 'property'])
})

t.test('messages that are broken are counted and do not end the subscription', async (t) => {
  const broker = await startAmqp10Broker(t)
  const messages = new TopicListener({ logging: silent })
  const sink = run(t, source(broker.port, { messages }))
  await sink.status('live')
  broker.publish('tokenRevocation', Buffer.from('ffff', 'hex'))
  broker.publish('tokenRevocation', Buffer.from('005377f000000005ffffffff40', 'hex'))
  broker.publish('tokenRevocation', { body: 'no json' })
  broker.publish('tokenRevocation', { body: { revokedToken: 'good' } })
  await sink.until(() => sink.records.length === 1)
  t.same(messages.malformed()?.malformed, { 'undecodable-body': 1, 'no-token': 1, 'not-json': 1 })
  t.same(
    sink.states.map(({ status }) => status),
    ['connecting', 'live'],
  )
})

t.test('a subscription that was lost is made again, after a gap', async (t) => {
  const broker = await startAmqp10Broker(t)
  const sink = run(t, source(broker.port))
  await sink.status('live')
  broker.drop()
  await sink.status('live', 2)
  broker.dismiss('amqp:connection:forced')
  await sink.status('live', 3)
  t.match(sink.detail('gap'), /amqp:connection:forced/)
  broker.publish('tokenRevocation', { body: { revokedToken: 'after' } })
  await sink.until(() => sink.ids.includes('after'))
})

t.test('the next broker is tried when one is away', async (t) => {
  const away = await startAmqp10Broker(t)
  await away.stop()
  const broker = await startAmqp10Broker(t)
  const sink = run(t, source([away.port, broker.port]))
  await sink.status('live')
  t.match(sink.detail('failed'), /broker 1 of 2.*ECONNREFUSED/)
})

t.test('refused credentials are named, never printed, and another pair is taken', async (t) => {
  const broker = await startAmqp10Broker(t, { users: { admin: 'pässwörd' } })
  const lines: string[] = []
  const logging = createLogging({ level: 'debug', format: 'text', stream: { write: (line) => lines.push(line) } })
  const wrong = run(t, source(broker.port, { username: 'admin', password: new Secret('s3cr3t'), logging }))
  await wrong.status('failed')
  t.match(wrong.detail('failed'), /amqp:unauthorized-access/)
  t.notMatch(lines.join('') + wrong.detail('failed'), /s3cr3t/)
  const right = run(t, source(broker.port, { username: 'admin', password: new Secret('pässwörd') }))
  await right.status('live')
})

t.test('a denied topic is not live', async (t) => {
  const broker = await startAmqp10Broker(t, { denied: ['tokenRevocation'] })
  const sink = run(t, source(broker.port))
  await sink.status('failed')
  t.match(sink.detail('failed'), /subscription refused: amqp:unauthorized-access/)
  t.same(
    sink.states.map(({ status }) => status),
    ['connecting', 'failed'],
  )
})

t.test('a broker that has frozen is noticed', async (t) => {
  const broker = await startAmqp10Broker(t)
  const sink = run(t, source(broker.port, { idleTimeout: 200 }))
  await sink.status('live')
  broker.freeze()
  await sink.status('gap')
  t.match(sink.detail('gap'), /silent for 200 ms/)
})

t.test('a broker that has nothing to say, and says so, is kept', async (t) => {
  const broker = await startAmqp10Broker(t, { idleTimeout: 100 })
  const sink = run(t, source(broker.port, { idleTimeout: 300 }))
  await sink.status('live')
  await broker.heard(15) // one each 50 ms
  t.same(
    sink.states.map(({ status }) => status),
    ['connecting', 'live'],
  )
})

t.test('a burst of 20,000 arrives whole', async (t) => {
  const broker = await startAmqp10Broker(t)
  const sink = run(t, source(broker.port))
  await sink.status('live')
  for (let i = 0; i < 20_000; i++) broker.publish('tokenRevocation', { body: { revokedToken: `t${i}` } })
  await sink.until(() => sink.records.length === 20_000)
  t.equal(new Set(sink.ids).size, 20_000)
})

t.test('a durable subscription has a stable name', async (t) => {
  const broker = await startAmqp10Broker(t)
  const sink = run(t, source(broker.port, { durable: true, clientId: 'gateway-1' }))
  await sink.status('live')
  t.match(broker.subscriptions, [{ name: 'mgw-tokenRevocation' }])
  t.throws(() => source(1, { durable: true }), /clientId/)
})

t.test('a durable subscription accepts what is stored, and is sent no more than there is room for', async (t) => {
  const broker = await startAmqp10Broker(t)
  const sink = new RecordingSink()
  let store = (): void => undefined
  const full = new Promise<void>((resolve) => {
    store = resolve
  })
  const stored = Object.assign(sink, { stored: () => full })
  const stopped = new AbortController()
  const running = source(broker.port, { durable: true, clientId: 'gateway-1' }).run(stored, stopped.signal)
  await sink.status('live')
  for (let i = 0; i < 12_000; i++) broker.publish('tokenRevocation', { body: { revokedToken: `t${i}` } })
  await sink.until(() => sink.records.length >= 5_000)
  await broker.heard(0)
  t.equal(broker.accepted, 0)
  t.equal(sink.records.length, 5_000)
  store()
  await sink.until(() => sink.records.length === 12_000)
  await broker.acceptedAll(12_000)
  stopped.abort()
  await running
})

t.test('a message that is too long is counted and accepted, and the next one arrives', async (t) => {
  const broker = await startAmqp10Broker(t)
  const messages = new TopicListener({ logging: silent })
  const sink = run(t, source(broker.port, { messages, durable: true, clientId: 'gateway-1' }))
  await sink.status('live')
  broker.publish('tokenRevocation', { body: 'x'.repeat(5 * 1024 * 1024) })
  broker.publish('tokenRevocation', { body: { revokedToken: 'next' } })
  await sink.until(() => sink.records.length === 1)
  await broker.acceptedAll(2)
  t.same(sink.ids, ['next'])
  t.same(messages.malformed()?.malformed, { 'too-long': 1 })
  t.equal(sink.states.length, 2, 'one subscription lived all along')
})

t.test('TLS is verified against the given authority and the host', async (t) => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  const broker = await startAmqp10Broker(t, { tls: { key, cert } })
  const brokers = [{ host: 'localhost', port: broker.port, tls: true }]
  const trusted = run(t, source([], { brokers, tls: { ca: cert } }))
  await trusted.status('live')
  const stranger = run(t, source([], { brokers }))
  await stranger.status('failed')
  t.match(stranger.detail('failed'), /self-signed/)
  const byAddress = [{ host: '127.0.0.1', port: broker.port, tls: true }]
  const elsewhere = run(t, source([], { brokers: byAddress, tls: { ca: cert } }))
  await elsewhere.status('failed')
  t.match(elsewhere.detail('failed'), /ERR_TLS_CERT_ALTNAME_INVALID/)
  const unverified = run(t, source([], { brokers: byAddress, tls: { ca: cert, verifyHostname: false } }))
  await unverified.status('live')
})

t.test('another protocol at the port is named', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.resume()
    socket.write(Buffer.from('00000152014163746976654d51', 'hex'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const sink = run(t, source((server.address() as AddressInfo).port))
  await sink.status('failed')
  t.match(sink.detail('failed'), /expected AMQP 1.0, found OpenWire/)
})

t.test('the end of the run ends an attempt under way', async (t) => {
  const server = createServer((socket) => socket.on('error', () => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connected = once(server, 'connection')
  const end = new AbortController()
  const running = source((server.address() as AddressInfo).port).run(
    { revoked() {}, state() {}, resync() {} },
    end.signal,
  )
  await connected
  end.abort()
  await running
  const closed = once(server, 'close')
  server.close()
  await closed
  t.pass('nothing is left behind')
})
