import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import { activemqMissing, Publisher, startActiveMQ } from '../../../services/activemq.js'
import { listen, listenLive, TOPIC } from './listen.js'

test('against ActiveMQ', { skip: activemqMissing() }, async (t) => {
  const [broker, publisher] = await Promise.all([startActiveMQ(t), Publisher.start(t)])

  t.test('every shape of message arrives, in order, compressed or not', async (t) => {
    const { messages, malformed, until } = await listenLive(t, broker.port)
    const properties = ['revokedToken=s:in properties', 'ttl=l:3600', 'when=l:9223372036854775807', 'on=z:true']
    const map = ['revokedToken=s:abc', 'expiryTime=l:1628175421481', 'never=l:9223372036854775807', 'ttl=i:3600']
    const others = ['z=z:true', 'b=b:-1', 'c=c:é', 'h=h:-300', 'd=d:0.5', 'f=f:0.25', 'x=x:00ff', 'n=n:']
    const long = 'long '.repeat(20_000)
    for (const prefix of ['', 'compressed-']) {
      await publisher.publish(broker.port, `${prefix}map`, TOPIC, [...map, ...others, `big=s:${long}`], properties)
      await publisher.publish(broker.port, `${prefix}text`, TOPIC, ['{"a":"ä€𝄞"}'])
      await publisher.publish(broker.port, `${prefix}text`, TOPIC, [long])
      await publisher.publish(broker.port, `${prefix}text`, TOPIC, [''], properties)
      await publisher.publish(broker.port, `${prefix}bytes`, TOPIC, ['00ff10'])
      await publisher.publish(broker.port, `${prefix}object`, TOPIC, ['a Java string'], properties)
      await publisher.publish(broker.port, `${prefix}stream`, TOPIC, ['a stream'], properties)
      await publisher.publish(broker.port, `${prefix}plain`, TOPIC, [], properties)
    }
    await until(() => messages.length === 16)
    t.same(malformed, [])
    const expected = {
      revokedToken: 'in properties',
      ttl: 3600,
      when: 9223372036854775807n,
      on: true,
    }
    for (const half of [messages.slice(0, 8), messages.slice(8)]) {
      const [first, text, longText, empty, bytes, ...rest] = half
      t.same(Object.fromEntries(first?.map ?? []), {
        ...{ revokedToken: 'abc', expiryTime: 1628175421481, never: 9223372036854775807n, ttl: 3600 },
        ...{ z: true, b: -1, c: 'é', h: -300, d: 0.5, f: 0.25, x: Buffer.from('00ff', 'hex'), n: null, big: long },
      })
      t.same(Object.fromEntries(first?.properties ?? []), expected)
      t.equal(text?.text, '{"a":"ä€𝄞"}')
      t.equal(longText?.text, long)
      t.equal(empty?.text, '')
      t.same(Object.fromEntries(empty?.properties ?? []), expected)
      t.same(bytes?.bytes, Buffer.from('00ff10', 'hex'))
      for (const other of rest) {
        t.same([other.map, other.text, other.bytes], [undefined, undefined, undefined], 'only properties')
        t.same(Object.fromEntries(other.properties ?? []), expected)
      }
    }
  })

  t.test("a message sent in a transaction arrives, and a STOMP publisher's text too", async (t) => {
    const { messages, until } = await listenLive(t, broker.port)
    await publisher.publish(broker.port, 'transacted-map', TOPIC, ['revokedToken=s:transacted'])
    await until(() => messages.length === 1)
    t.equal(messages[0]?.map?.get('revokedToken'), 'transacted')
    await sendByStomp(broker.stompPort, TOPIC, '{"revokedToken":"𝄞"}')
    await until(() => messages.length === 2)
    t.equal(messages[1]?.text, '{"revokedToken":"𝄞"}')
  })

  t.test("another topic's messages have no effect", async (t) => {
    const { messages, until } = await listenLive(t, broker.port)
    await publisher.publish(broker.port, 'map', 'another', ['revokedToken=s:no'])
    await publisher.publish(broker.port, 'map', `${TOPIC}.sub`, ['revokedToken=s:no'])
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:yes'])
    await until(() => messages.length > 0)
    t.same(
      messages.map(({ map }) => map?.get('revokedToken')),
      ['yes'],
    )
  })

  t.test('a wrong password is named, and tried again only slowly', async (t) => {
    const { states, details, until } = listen(t, broker.port, { password: new Secret('wrong-password') })
    await until(() => states.includes('failed'))
    t.match(details[0], 'ERR_OPENWIRE_CREDENTIALS_REFUSED')
    t.match(
      details[0],
      /the broker rejected the user name or password: correct tokenRevocationConfig\.realtime\.jmsConnectionUsername and jmsConnectionPassword/,
    )
    t.notMatch(details[0], /wrong-password|admin/)
    t.same(states, ['connecting', 'failed'])
  })

  t.test('no credentials where they are needed are refused credentials', async (t) => {
    const { states, details, until } = listen(t, broker.port, { username: '' })
    await until(() => states.includes('failed'))
    t.match(details[0], 'ERR_OPENWIRE_CREDENTIALS_REFUSED')
  })

  t.test('a topic that the user may not read is named as denied', async (t) => {
    const { states, details, until } = listen(t, broker.port, { username: 'ro', password: new Secret('ro') })
    await until(() => states.includes('failed'))
    t.match(details[0], 'ERR_OPENWIRE_ACCESS_DENIED')
    t.match(details[0], /correct tokenRevocationConfig\.realtime\.jmsConnectionTopic/)
    t.notOk(states.includes('live'))
  })

  t.test('two subscribers both get all of a burst, during much of which they do not read', async (t) => {
    const size = 60_000
    const both = [await listenLive(t, broker.port), await listenLive(t, broker.port)]
    const published = publisher.publish(broker.port, 'burst', TOPIC, [String(size)])
    await both[0]?.until(() => both[0] !== undefined && both[0].messages.length > 0)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000)
    await published
    for (const { messages, until } of both) {
      await until(() => messages.length >= size)
      const tokens = messages.map(({ map }) => map?.get('revokedToken'))
      // A broker that spools for a slow subscriber at times sends the message at the seam again, right after itself.
      const once = tokens.filter((token, at) => token !== tokens[at - 1])
      t.equal(new Set(once).size, size)
      t.equal(once.length, size, 'each once, in order')
      t.ok(messages.length - once.length <= 3, `${messages.length - once.length} came twice`)
    }
  })

  t.test(
    'a durable subscription keeps what is published while it is away, and only what it has not seen',
    async (t) => {
      const durable = { clientId: 'gateway-1', name: 'revocations' }
      const first = await listenLive(t, broker.port, { durable })
      await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:seen'])
      await first.until(() => first.messages.length === 1)
      await first.stop()
      for (const token of ['missed-1', 'missed-2']) {
        await publisher.publish(broker.port, 'map', TOPIC, [`revokedToken=s:${token}`])
      }
      const second = await listenLive(t, broker.port, { durable })
      await second.until(() => second.messages.length >= 2)
      t.same(
        second.messages.map(({ map }) => map?.get('revokedToken')),
        ['missed-1', 'missed-2'],
      )
    },
  )

  t.test('what is not stored is delivered again, and no more of it than there is room for', async (t) => {
    const durable = { clientId: 'gateway-4', name: 'revocations' }
    const stored = () => Promise.reject(new Error('the disk is full'))
    const unable = await listenLive(t, broker.port, { durable, stored })
    await publisher.publish(broker.port, 'burst', TOPIC, ['5100'])
    await unable.until(() => unable.messages.length >= 5_000)
    t.same(unable.states, ['connecting', 'live'])
    await unable.stop()
    t.equal(unable.messages.length, 5_000, 'the broker keeps the others')
    const able = await listenLive(t, broker.port, { durable, stored: () => Promise.resolve() })
    await able.until(() => able.messages.length >= 5_100)
    t.equal(new Set(able.messages.map(({ map }) => map?.get('revokedToken'))).size, 5_100)
    await able.stop()
    const next = await listenLive(t, broker.port, { durable })
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:next'])
    await next.until(() => next.messages.length > 0)
    t.equal(next.messages[0]?.map?.get('revokedToken'), 'next', 'what was stored was acknowledged')
  })

  t.test('a message that is too long does not keep a durable subscription from what is behind it', async (t) => {
    const durable = { clientId: 'gateway-5', name: 'revocations' }
    const plain = await listenLive(t, broker.port)
    const first = await listenLive(t, broker.port, { durable, stored: () => Promise.resolve() })
    await publisher.publish(broker.port, 'text', TOPIC, ['x'.repeat(3_000_000)])
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:behind'])
    for (const { messages, malformed, states, until } of [plain, first]) {
      await until(() => messages.length > 0)
      t.equal(messages[0]?.map?.get('revokedToken'), 'behind')
      t.same(malformed, ['ERR_OPENWIRE_BODY_TOO_LONG'])
      t.same(states, ['connecting', 'live'])
    }
    await first.stop()
    const next = await listenLive(t, broker.port, { durable, stored: () => Promise.resolve() })
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:next'])
    await next.until(() => next.messages.length > 0)
    t.equal(next.messages[0]?.map?.get('revokedToken'), 'next', 'both were acknowledged')
    t.same(next.malformed, [])
  })

  t.test('a durable subscription that is in use is refused and tried again', async (t) => {
    const durable = { clientId: 'gateway-2', name: 'revocations' }
    const first = await listenLive(t, broker.port, { durable })
    const second = listen(t, broker.port, { durable })
    await second.until(() => second.states.includes('failed'))
    t.match(second.details[0], 'ERR_OPENWIRE_REFUSED')
    await first.stop()
    await second.until(() => second.states.includes('live'))
  })

  t.test('a listener that throws ends neither the connection nor the acknowledging', async (t) => {
    let calls = 0
    const durable = { clientId: 'gateway-3', name: 'revocations' }
    const throwing = await listenLive(t, broker.port, {
      durable,
      onMessage: () => {
        calls++
        throw new Error('listener')
      },
    })
    const witness = await listenLive(t, broker.port)
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:1'])
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:2'])
    await witness.until(() => witness.messages.length === 2)
    await throwing.stop()
    t.equal(calls, 2)
    t.same(throwing.states, ['connecting', 'live'])
    const next = await listenLive(t, broker.port, { durable })
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:3'])
    await next.until(() => next.messages.length > 0)
    t.equal(next.messages[0]?.map?.get('revokedToken'), '3', 'the first two were acknowledged')
  })

  t.test('over TLS it is live when the CA is known', async (t) => {
    const brokers = [{ host: '127.0.0.1', port: broker.tlsPort, tls: true }]
    const { messages, until } = await listenLive(t, 0, { brokers, tls: { ca: broker.ca } })
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:tls'])
    await until(() => messages.length === 1)
    t.equal(messages[0]?.map?.get('revokedToken'), 'tls')
    const unverified = await listenLive(t, 0, { brokers, tls: { rejectUnauthorized: false } })
    t.same(unverified.states, ['connecting', 'live'])
  })

  t.test('over TLS an unknown CA and plain text are failures that say so', async (t) => {
    const unknown = listen(t, 0, { brokers: [{ host: '127.0.0.1', port: broker.tlsPort, tls: true }] })
    await unknown.until(() => unknown.states.includes('failed'))
    t.match(unknown.details[0], /not from a trusted authority: name .* in tokenRevocationConfig\.realtime\.caFile/)
    t.match(unknown.details[0], /ERR_OPENWIRE_CONNECT_FAILED.*SELF_SIGNED|self.signed/)
    const plain = listen(t, broker.tlsPort)
    await plain.until(() => plain.states.includes('failed'))
    t.match(plain.details[0], /ERR_OPENWIRE_FOREIGN_PROTOCOL/)
    t.match(plain.details[0], /speaks TLS at this port: write ssl:\/\/ in .*realtime\.jmsConnectionProviderUrl/)
    const inverse = listen(t, 0, {
      brokers: [{ host: '127.0.0.1', port: broker.port, tls: true }],
      tls: { ca: broker.ca },
    })
    await inverse.until(() => inverse.states.includes('failed'))
    t.match(inverse.details[0], 'ERR_OPENWIRE_CONNECT_FAILED')
    t.match(inverse.details[0], /does not speak TLS.* write tcp:\/\/ in .*realtime\.jmsConnectionProviderUrl/)
  })

  t.test('of several brokers one that is there is found', async (t) => {
    const brokers = [1, broker.tlsPort, broker.port].map((port) => ({ host: '127.0.0.1', port, tls: false }))
    const { states, details } = await listenLive(t, 0, { brokers })
    t.same(states, ['connecting', 'failed', 'failed', 'live'])
    t.match(details[0], /broker 1 of 3.*ECONNREFUSED/)
    t.match(details[1], /broker 2 of 3.*TLS/)
  })

  t.test('it stays live without traffic, whether the broker pings or not', async (t) => {
    const both = [
      await listenLive(t, broker.port, { heartbeat: 500 }),
      await listenLive(t, broker.mutePort, { heartbeat: 500 }),
    ]
    await quiet(1500)
    await publisher.publish(broker.port, 'map', TOPIC, ['revokedToken=s:later'])
    for (const { states, messages, until } of both) {
      await until(() => messages.length === 1)
      t.same(states, ['connecting', 'live'])
    }
  })
})

/** The only way to see that nothing happens for a while. */
function quiet(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function sendByStomp(port: number, topic: string, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write('CONNECT\naccept-version:1.2\nhost:localhost\nlogin:admin\npasscode:admin\n\n\0')
  await once(socket, 'data')
  socket.write(`SEND\ndestination:/topic/${topic}\nreceipt:1\n\n${text}\0`)
  await once(socket, 'data')
  socket.destroy()
}
