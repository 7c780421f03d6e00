import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import rhea, { type EventContext } from 'rhea'
import { test } from 'tap'
import { Secret } from '../../../src/config/secret.js'
import { startBroker } from '../../../src/demo/broker/index.js'
import { bodies, broker, connect, subscribe, TOPIC } from './rhea-client.js'

test('a map arrives with its fields, at every subscriber of the topic and at no other', async (t) => {
  const { port, publish, subscriberCount } = await broker(t)
  const first = await subscribe(t, port)
  const second = await subscribe(t, port)
  const stranger = await subscribe(t, port, { topic: 'notification' })
  stranger.on('message', () => t.fail('a message of another topic arrived'))
  t.equal(subscriberCount(TOPIC), 2)
  const body = { revokedToken: 'a', ttl: '3600', expiryTime: 1628175421481, tenantId: -1234, ratio: 0.5, last: true }
  const arrived = Promise.all([bodies(first, 1), bodies(second, 1)])
  publish(TOPIC, body)
  t.same(await arrived, [[body], [body]])
})

test('a text and string properties arrive as such', async (t) => {
  const { port, publish } = await broker(t)
  const receiver = await subscribe(t, port)
  const arrived = once(receiver, 'message')
  publish(TOPIC, '', { revokedToken: 'abc' })
  const [{ message }] = (await arrived) as [EventContext]
  t.equal(message?.body, '')
  t.same(message?.application_properties, { revokedToken: 'abc' })
})

test('the connection says how topics are addressed', async (t) => {
  const { port } = await broker(t)
  const connection = connect(t, port)
  await once(connection, 'connection_open')
  t.equal(connection.properties?.['topic-prefix'], 'topic://')
})

test('20,000 messages reach a subscriber that grants credit slowly, in order, beside one that grants next to none', async (t) => {
  const { port, publish } = await broker(t)
  const slow = await subscribe(t, port, { credit_window: 0 })
  // On the same session: without credit of its own it must not hold the other link up.
  const frozen = slow.connection.open_receiver({ source: `topic://${TOPIC}`, credit_window: 0 })
  await once(frozen, 'receiver_open')
  const first = once(frozen, 'message')
  frozen.add_credit(10)
  publish(TOPIC, 'first')
  await first
  const count = 20_000
  const arrived = bodies(slow, count + 1)
  slow.on('message', () => {
    if (++received % 100 === 0) setImmediate(() => slow.add_credit(100))
  })
  let received = 0
  slow.add_credit(100)
  for (let i = 0; i < count; i++) publish(TOPIC, { revokedToken: `token-${i}` })
  const seen = (await arrived).slice(1) as { revokedToken: string }[]
  t.ok(seen.every(({ revokedToken }, i) => revokedToken === `token-${i}`))
})

test('20,000 messages reach a subscriber with credit for all of them', async (t) => {
  const { port, publish } = await broker(t)
  const receiver = await subscribe(t, port, { credit_window: 20_000 })
  const arrived = bodies(receiver, 20_000)
  for (let i = 0; i < 20_000; i++) publish(TOPIC, `${i}`)
  t.same((await arrived).slice(-2), ['19998', '19999'])
})

test('a subscriber that falls too far behind is disconnected, and the others are not', async (t) => {
  const { port, publish, subscriberCount } = await broker(t, { messages: 10, bytes: 1_000_000 })
  const frozen = await subscribe(t, port, { credit_window: 0 })
  const healthy = await subscribe(t, port)
  const cut = once(frozen.connection, 'disconnected')
  for (let i = 0; i < 11; i++) {
    const arrived = bodies(healthy, 1)
    publish(TOPIC, `${i}`)
    t.same(await arrived, [`${i}`])
  }
  await cut
  t.equal(subscriberCount(TOPIC), 1)
})

test('the queue of a subscriber is bounded in bytes, too', async (t) => {
  const { port, publish } = await broker(t, { messages: 1_000, bytes: 1_000 })
  const frozen = await subscribe(t, port, { credit_window: 0 })
  const cut = once(frozen.connection, 'disconnected')
  publish(TOPIC, 'x'.repeat(600))
  publish(TOPIC, 'x'.repeat(600))
  await cut
})

test('a subscriber that wants settled deliveries gets more than fit into a session', async (t) => {
  const { port, publish } = await broker(t)
  const receiver = await subscribe(t, port, { snd_settle_mode: 1, autoaccept: false, credit_window: 5_000 })
  const arrived = bodies(receiver, 5_000)
  let settled: boolean | undefined = true
  receiver.on('message', ({ delivery }: EventContext) => {
    settled &&= delivery?.remote_settled
    delivery?.update(true)
  })
  for (let i = 0; i < 5_000; i++) publish(TOPIC, `${i}`)
  t.equal((await arrived).length, 5_000)
  t.equal(settled, true)
})

test('messages of a remote publisher reach subscribers unchanged', async (t) => {
  const { port } = await broker(t)
  const receiver = await subscribe(t, port)
  const arrived = once(receiver, 'message')
  const sender = connect(t, port).open_sender(`topic://${TOPIC}`)
  await once(sender, 'sendable')
  // Java's Long.MAX_VALUE, which no JavaScript number holds.
  const never = rhea.types.wrap_long(Buffer.from('7fffffffffffffff', 'hex'))
  const body = { revokedToken: 'a', expiryTime: { toRheaTyped: () => never } }
  sender.send({ body, application_properties: { origin: 'hub' }, message_id: '1' })
  await once(sender, 'accepted')
  const [{ message }] = (await arrived) as [EventContext]
  t.same(message?.body, { revokedToken: 'a', expiryTime: Buffer.from('7fffffffffffffff', 'hex') })
  t.match(message, { application_properties: { origin: 'hub' }, message_id: '1' })
})

test('a body that no decoder would survive is passed on, and not read here', async (t) => {
  const { port, publish } = await broker(t)
  const receiver = await subscribe(t, port, { topic: 'other' })
  const sender = connect(t, port).open_sender(`topic://${TOPIC}`)
  await once(sender, 'sendable')
  // An AmqpValue that claims to be an array of 4,294,967,295 nulls.
  sender.send(Buffer.from('005377f000000005ffffffff40', 'hex'), undefined, 0)
  await once(sender, 'accepted')
  const arrived = bodies(receiver, 1)
  publish('other', 'a')
  t.same(await arrived, ['a'])
})

test('queues are refused with an error, for subscribers and publishers', async (t) => {
  const { port } = await broker(t)
  for (const address of ['queue://tokenRevocation', 'tokenRevocation', 'topic://', `topic://${'x'.repeat(300)}`]) {
    const receiver = connect(t, port).open_receiver(address)
    await once(receiver, 'receiver_error')
    t.match(receiver.error, { condition: 'amqp:not-found' })
    const sender = connect(t, port).open_sender(address)
    await once(sender, 'sender_error')
    t.match(sender.error, { condition: 'amqp:not-found' })
  }
})

test('a wrong password, and a connection without SASL, are denied', async (t) => {
  const { port } = await broker(t)
  const [{ error }] = (await once(connect(t, port, 'wrong'), 'connection_error')) as [EventContext]
  t.match(error, { condition: 'amqp:unauthorized-access' })
  const plain = connectSocket(port, '127.0.0.1')
  plain.on('error', () => undefined)
  plain.resume().write(Buffer.from('AMQP\x00\x01\x00\x00', 'latin1'))
  await once(plain, 'close')
})

test('bytes that are no AMQP cost their own connection only', async (t) => {
  const { port, publish } = await broker(t)
  const receiver = await subscribe(t, port)
  const sasl = 'AMQP\x03\x01\x00\x00'
  const wires = [
    'GET / HTTP/1.1\r\n\r\n',
    `${sasl}\x00\x00\x00\x00`,
    `${sasl}\xff\xff\xff\xff`,
    `${sasl}\x00\x00\x00\x0c${'\xff'.repeat(8)}`,
  ]
  for (const wire of wires) {
    const socket = connectSocket(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.resume().write(Buffer.from(wire, 'latin1'))
    await once(socket, 'close')
  }
  const arrived = bodies(receiver, 1)
  publish(TOPIC, 'still here')
  t.same(await arrived, ['still here'])
})

test('an endless message ends its connection', async (t) => {
  const { port } = await broker(t)
  const sender = connect(t, port).open_sender(`topic://${TOPIC}`)
  await once(sender, 'sendable')
  const cut = once(sender.connection, 'disconnected')
  sender.send({ body: 'x'.repeat(3_000_000) })
  await cut
})

test('dropped connections are cut without a word, and new ones are accepted', async (t) => {
  const { port, publish, subscriberCount, dropConnections } = await broker(t)
  const cut = once((await subscribe(t, port)).connection, 'disconnected')
  t.equal(dropConnections(), 1)
  await cut
  const again = await subscribe(t, port)
  t.equal(subscriberCount(TOPIC), 1)
  const arrived = bodies(again, 1)
  publish(TOPIC, 'a')
  await arrived
})

test('a port in use is an error with its code', async (t) => {
  const { port } = await broker(t)
  await t.rejects(startBroker({ port, username: 'a', password: new Secret('b') }), {
    code: 'ERR_DEMO_PORT_IN_USE',
    message: new RegExp(`port ${port}`),
  })
})
