import { execFileSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { type ConfirmChannel, connect, type Options } from 'amqplib'
import t, { type Test } from 'tap'
import { Secret } from '../../../src/config/secret.js'
import { silent } from '../../../src/logging/index.js'
import { TopicListener } from '../../../src/sources/message/index.js'
import type { Delivery } from '../../../src/sources/realtime/amqp-0-9-1/decode.js'
import { MAX_CONTENT_LENGTH } from '../../../src/sources/realtime/amqp-0-9-1/frame-guard.js'
import { type Amqp091Options, amqp091Source } from '../../../src/sources/realtime/amqp-0-9-1/source.js'
import { subscribe } from '../../../src/sources/realtime/amqp-0-9-1/subscribe.js'
import { type Amqp10Options, amqp10Source } from '../../../src/sources/realtime/amqp-1-0/source.js'
import { readProvider, realtimeSource } from '../../../src/sources/realtime/index.js'
import type { RealtimeSource } from '../../../src/sources/source.js'
import { rabbitmqMissing, startRabbitMQ } from '../../services/rabbitmq.js'
import { run } from './recording-sink.js'

const REJECTED =
  /the broker rejected the user name or password: correct tokenRevocationConfig\.realtime\.jmsConnectionUsername and jmsConnectionPassword/
const AUTHORITY =
  /the certificate of the broker is not from a trusted authority: name .* in tokenRevocationConfig\.realtime\.caFile/
const TOPIC = 'tokenRevocation'
const BURST = 20_000
const missing = rabbitmqMissing()
if (missing !== false) t.plan(0, missing)
else await main()

async function main() {
  const broker = await startRabbitMQ(t)
  const common = { topic: TOPIC, username: 'admin', password: new Secret('admin'), logging: silent }
  const backoff = { base: 50, max: 200, slow: 200 }
  const source = (options: Partial<Amqp091Options> = {}) =>
    amqp091Source({
      brokers: [{ host: '127.0.0.1', port: broker.port, tls: false }],
      vhost: '/carbon',
      backoff,
      ...common,
      ...options,
    })
  const source10 = (options: Partial<Amqp10Options> = {}) =>
    amqp10Source({ brokers: [{ host: '127.0.0.1', port: broker.port, tls: false }], backoff, ...common, ...options })

  async function publisher(t: Test): Promise<Publisher> {
    const connection = await connect(`amqp://admin:admin@127.0.0.1:${broker.port}/carbon`)
    connection.on('error', () => undefined)
    t.teardown(() => connection.close().catch(() => undefined))
    return new Publisher(await connection.createConfirmChannel())
  }

  t.test(
    'every shape that a publisher sends reaches two subscribers at once, and nothing of other topics',
    async (t) => {
      const messages = new TopicListener({ logging: silent })
      const sinks = [run(t, source({ messages })), run(t, source())]
      await Promise.all(sinks.map((sink) => sink.status('live')))
      const to = await publisher(t)
      await to.publish('another', { contentType: 'text/plain' }, '{"revokedToken":"other topic"}')
      await to.publish(TOPIC, { contentType: 'jms/map-message' }, jmsMap('legacy map'))
      await to.publish(TOPIC, { contentType: 'amqp/map' }, amqpMap('map'))
      await to.publish(TOPIC, { contentType: 'text/plain' }, '{"event":{"payloadData":{"revokedToken":"text"}}}')
      await to.publish(TOPIC, { contentType: 'application/octet-stream' }, '{"revokedToken":"bytes"}')
      await to.publish(TOPIC, {}, '{"revokedToken":"untyped"}')
      await to.publish(TOPIC, { contentType: 'text/plain', headers: { revokedToken: 'header' } }, '')
      await to.publish(TOPIC, { contentType: 'application/java-object-stream' }, '\xac\xed\0\x05')
      await to.publish(TOPIC, { contentType: 'amqp/map' }, 'broken')
      await to.publish(TOPIC, { contentType: 'text/plain' }, 'x'.repeat(3_000_000))
      await to.publish(TOPIC, { contentType: 'text/plain' }, '{"revokedToken":"last"}')
      for (const sink of sinks) {
        await sink.until(() => sink.ids.includes('last'))
        t.same(sink.ids, ['legacy map', 'map', 'text', 'bytes', 'untyped', 'header', 'last'])
        t.equal(sink.states.length, 2, 'one subscription lived all along')
      }
      t.same(messages.malformed()?.malformed, { 'no-token': 1, 'undecodable-body': 1, 'too-long': 1 })
    },
  )

  t.test('over AMQP 1.0 a message that is too long is passed over, and the next one arrives', async (t) => {
    const messages = new TopicListener({ logging: silent })
    const sinks = [run(t, source10({ messages })), run(t, source10({ durable: true, clientId: 'gateway-2' }))]
    await Promise.all(sinks.map((sink) => sink.status('live')))
    const to = await publisher(t)
    await to.publish(TOPIC, { contentType: 'text/plain' }, 'x'.repeat(20_000_000))
    await to.publish(TOPIC, { contentType: 'text/plain' }, '{"revokedToken":"behind"}')
    for (const sink of sinks) {
      await sink.until(() => sink.ids.includes('behind'))
      t.equal(sink.states.length, 2, 'one subscription lived all along')
    }
    t.same(messages.malformed()?.malformed, { 'too-long': 1 })
  })

  t.test('a burst arrives whole over AMQP 1.0 where each message is accepted by hand', async (t) => {
    const sink = run(t, source10({ durable: true, clientId: 'gateway-1' }))
    await sink.status('live')
    const to = await publisher(t)
    for (let i = 0; i < BURST; i++) to.send(TOPIC, { contentType: 'text/plain' }, `{"revokedToken":"t${i}"}`)
    await sink.until(() => sink.records.length >= BURST)
    t.equal(new Set(sink.ids).size, BURST)
    t.equal(sink.states.length, 2, 'one subscription lived all along')
  })

  t.test('a burst of 20,000 arrives whole', async (t) => {
    const sink = run(t, source())
    await sink.status('live')
    const to = await publisher(t)
    for (let i = 0; i < BURST; i++) to.send(TOPIC, { contentType: 'text/plain' }, `{"revokedToken":"t${i}"}`)
    await sink.until(() => sink.records.length === BURST)
    t.equal(new Set(sink.ids).size, BURST)
  })

  t.test('what the broker refuses is named, and is not live', async (t) => {
    const refusals: [string, Partial<Amqp091Options>, RegExp][] = [
      ['a wrong password', { password: new Secret('s3cr3t') }, REJECTED],
      [
        'no rights',
        { username: 'nobody', password: new Secret('nobody') },
        /answered 403 ACCESS_REFUSED: allow this user/,
      ],
      [
        'a denied topic',
        { username: 'limited', password: new Secret('limited') },
        /answered 403 ACCESS_REFUSED: allow this user to read the topic, or correct .*realtime\.jmsConnectionTopic/,
      ],
      ['an exchange of another type', { exchange: 'amq.direct' }, /answered 406 .*: correct defaultTopicExchange/],
      [
        'no such virtual host',
        { vhost: 'nowhere' },
        /refused the virtual host: correct it in .*realtime\.jmsConnectionProviderUrl/,
      ],
    ]
    const sinks = refusals.map(([, options]) => run(t, source(options)))
    for (const [i, [title, , detail]] of refusals.entries()) {
      const sink = sinks[i]
      await sink?.status('failed')
      t.match(sink?.detail('failed'), detail, title)
      t.match(sink?.detail('failed'), /ERR_BROKER_REFUSED/)
      t.notMatch(sink?.detail('failed'), /s3cr3t/)
      t.notOk(sink?.states.some(({ status }) => status === 'live'))
    }
    const allowed = run(t, source({ username: 'limited', password: new Secret('limited'), topic: 'allowed' }))
    await allowed.status('live')
  })

  t.test('TLS is verified against the given authority', async (t) => {
    const brokers = [{ host: 'localhost', port: broker.tlsPort, tls: true }]
    const trusted = run(t, source({ brokers, tls: { ca: broker.ca } }))
    await trusted.status('live')
    const stranger = run(t, source({ brokers }))
    await stranger.status('failed')
    t.match(stranger.detail('failed'), /self-signed/)
  })

  t.test('what is wrong with the way of the connection is said with its remedy', async (t) => {
    const at = (port: number, tls: boolean) => ({ brokers: [{ host: 'localhost', port, tls }] })
    const wrong: [RealtimeSource, RegExp][] = [
      [source(at(broker.tlsPort, true)), AUTHORITY],
      [source10(at(broker.tlsPort, true)), AUTHORITY],
      [
        source(at(broker.tlsPort, false)),
        /speaks TLS at this port: write amqps:\/\/ \(.*ssl='true'\) in .*ProviderUrl/,
      ],
      [source10(at(broker.tlsPort, false)), /speaks TLS at this port: write amqp10s:\/\/ /],
      [
        source(at(broker.port, true)),
        /does not speak TLS.* write amqp:\/\/ .* in .*realtime\.jmsConnectionProviderUrl/,
      ],
      [source10(at(broker.port, true)), /does not speak TLS.* write amqp10:\/\/ /],
    ]
    for (const [source, detail] of wrong) {
      const sink = run(t, source)
      await sink.status('failed')
      t.match(sink.detail('failed'), detail)
    }
  })

  t.test('a body that is too long is never gathered, and the next message is whole', async (t) => {
    const arrivals = new EventEmitter()
    const lengths: (number | 'too long')[] = []
    const link = {
      ...{ topic: 'sizes', exchange: 'amq.topic', vhost: 'carbon', username: 'admin', password: new Secret('admin') },
      ...{ tls: {}, heartbeat: 30, idleTimeout: 60_000 },
      deliver({ content }: Delivery) {
        lengths.push(content.length)
        arrivals.emit('whole')
      },
      tooLong: () => lengths.push('too long'),
    }
    const at = { host: '127.0.0.1', port: broker.port, tls: false }
    const subscription = await subscribe(at, link, new AbortController().signal)
    t.teardown(() => subscription.close())
    const to = await publisher(t)
    const whole = once(arrivals, 'whole')
    to.send('sizes', {}, Buffer.alloc(MAX_CONTENT_LENGTH + 1))
    to.send('sizes', {}, Buffer.alloc(MAX_CONTENT_LENGTH))
    await whole
    t.same(lengths, ['too long', MAX_CONTENT_LENGTH])
  })

  t.test('what the broker delivers while our process stands still for longer than the time-out is read', async (t) => {
    const sinks = [run(t, source10({ idleTimeout: 1000 })), run(t, source({ heartbeat: 1, idleTimeout: 2000 }))]
    await Promise.all(sinks.map((sink) => sink.status('live')))
    execFileSync(process.execPath, ['--input-type=module', '-e', PUBLISH_AND_WAIT, String(broker.port), TOPIC, '3000'])
    await Promise.all(sinks.map((sink) => sink.until(() => sink.ids.includes('meanwhile'))))
    await (await publisher(t)).publish(TOPIC, {}, '{"revokedToken":"after"}')
    await sinks[0]?.until(() => sinks[0]?.ids.includes('after') === true)
    t.equal(sinks[0]?.states.length, 2, 'nor is the subscription lost')
  })

  t.test("the seed's provider URL finds the broker", async (t) => {
    const url = new Secret(`amqp://admin:admin@carbon/carbon?brokerlist='tcp://localhost:${broker.port}'`)
    const factory = 'wso2mbInitialContextFactory'
    const provider = readProvider({ factory, url, username: 'admin', password: new Secret('admin') })
    const sink = run(t, await realtimeSource(provider, { topic: TOPIC }, silent))
    await sink.status('live')
    const to = await publisher(t)
    await to.publish(TOPIC, { contentType: 'amqp/map' }, amqpMap('seed'))
    await sink.until(() => sink.ids.includes('seed'))
  })

  t.test('by AMQP 1.0: messages, a burst, refusals', async (t) => {
    const sink = run(t, source10())
    await sink.status('live')
    const to = await publisher(t)
    await to.publish('another', { contentType: 'text/plain' }, '{"revokedToken":"other topic"}')
    for (let i = 0; i < BURST; i++) to.send(TOPIC, {}, `{"revokedToken":"t${i}"}`)
    await sink.until(() => sink.records.length === BURST)
    t.equal(new Set(sink.ids).size, BURST)
    const wrong = run(t, source10({ password: new Secret('s3cr3t') }))
    const nobody = run(t, source10({ username: 'nobody', password: new Secret('nobody') }))
    await wrong.status('failed')
    t.match(wrong.detail('failed'), REJECTED)
    await nobody.status('failed')
    t.match(nobody.detail('failed'), /session refused: amqp:unauthorized-access: allow this user/)
  })

  t.test('a broker that is frozen, killed and started again is found again each time', async (t) => {
    // amqplib itself would give up after two to three heartbeats.
    const sinks = [run(t, source({ heartbeat: 1, idleTimeout: 4000 })), run(t, source10({ idleTimeout: 4000 }))]
    await Promise.all(sinks.map((sink) => sink.status('live')))
    broker.freeze()
    for (const sink of sinks) {
      await sink.status('gap')
      t.match(sink.detail('gap'), /silent for 4000 ms/)
    }
    await broker.kill()
    await broker.start()
    await Promise.all(sinks.map((sink) => sink.status('live', 2)))
    await broker.kill()
    await Promise.all(sinks.map((sink) => sink.status('gap', 2)))
    await broker.start()
    await Promise.all(sinks.map((sink) => sink.status('live', 3)))
    const to = await publisher(t)
    await to.publish(TOPIC, { contentType: 'text/plain' }, '{"revokedToken":"after"}')
    await Promise.all(sinks.map((sink) => sink.until(() => sink.ids.includes('after'))))
  })
}

/** Publishes in a process of its own, for one that stands still until it ends. Arguments: port, topic, ms that it takes. */
const PUBLISH_AND_WAIT = `
  import { connect } from 'amqplib'
  const [port, topic, ms] = process.argv.slice(1)
  const end = performance.now() + Number(ms)
  const connection = await connect('amqp://admin:admin@127.0.0.1:' + port + '/carbon')
  const channel = await connection.createConfirmChannel()
  channel.publish('amq.topic', topic, Buffer.from('{"revokedToken":"meanwhile"}'))
  await channel.waitForConfirms()
  await connection.close()
  setTimeout(() => {}, end - performance.now())
`

class Publisher {
  readonly #channel: ConfirmChannel

  constructor(channel: ConfirmChannel) {
    this.#channel = channel
  }

  send(topic: string, options: Options.Publish, body: string | Buffer): void {
    this.#channel.publish('amq.topic', topic, Buffer.from(body as string), options)
  }

  /** Resolves when the broker has it. */
  async publish(topic: string, options: Options.Publish, body: string | Buffer): Promise<void> {
    this.send(topic, options, body)
    await this.#channel.waitForConfirms()
  }
}

function jmsMap(token: string): Buffer {
  return Buffer.concat([Buffer.from('00000001', 'hex'), Buffer.from(`revokedToken\0\n${token}\0`)])
}

function amqpMap(token: string): Buffer {
  const entry = Buffer.concat([
    Buffer.from('000000010c', 'hex'),
    Buffer.from('revokedToken'),
    Buffer.from([0x85, token.length]),
    Buffer.from(token),
  ])
  const size = Buffer.alloc(4)
  size.writeUInt32BE(entry.length)
  return Buffer.concat([size, entry])
}
