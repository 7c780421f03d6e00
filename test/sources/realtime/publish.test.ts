import t, { type Test } from 'tap'
import { Secret } from '../../../src/config/secret.js'
import { type Broker, startBroker } from '../../../src/demo/broker/index.js'
import { silent } from '../../../src/logging/index.js'
import { revocationEvent } from '../../../src/sources/message/index.js'
import { readProvider, realtimeSource } from '../../../src/sources/realtime/index.js'
import { publish } from '../../../src/sources/realtime/publish.js'
import { activemqMissing, startActiveMQ } from '../../services/activemq.js'
import { freePort } from '../../services/free-port.js'
import { rabbitmqMissing, startRabbitMQ } from '../../services/rabbitmq.js'
import { tcpServer } from '../../support/servers.js'
import { run } from './recording-sink.js'

const topic = 'tokenRevocation'
const EXPIRES = Date.UTC(2100, 0, 1)
const IDS = ['d41c4dda-9f3a', 'ümläut \u{1f511} "quoted"', 'x'.repeat(10_000)]

const provider = (url: string, password = 'admin') =>
  readProvider({ factory: '', url: new Secret(url), username: 'admin', password: new Secret(password) })
const urls = {
  amqp091: (port: number) => `amqp://admin:admin@carbon/carbon?brokerlist='tcp://127.0.0.1:${port}'`,
  amqp10: (port: number) => `amqp10://127.0.0.1:${port}`,
  openwire: (port: number) => `tcp://127.0.0.1:${port}`,
}

t.test('AMQP 0-9-1 and AMQP 1.0: RabbitMQ', { skip: rabbitmqMissing() }, async (t) => {
  const broker = await startRabbitMQ(t)
  for (const protocol of ['amqp091', 'amqp10'] as const) {
    t.test(protocol, (t) => arrives(t, urls[protocol](broker.port)))
    t.test(`${protocol}: a wrong password`, (t) => refuses(t, urls[protocol](broker.port)))
  }
  t.test('what one protocol publishes the other reads', async (t) => {
    const sink = run(t, await realtimeSource(provider(urls.amqp10(broker.port)), { topic }, silent))
    await sink.status('live')
    await publish(provider(urls.amqp091(broker.port)), { topic }, event('crossed'))
    await sink.until(() => sink.ids.includes('crossed'))
    t.pass('it arrived')
  })
})

t.test('AMQP 1.0: the demo’s broker', async (t) => {
  const broker: Broker = await startBroker({ port: 0, username: 'admin', password: new Secret('admin') })
  t.teardown(() => broker.close())
  await arrives(t, urls.amqp10(broker.port))
  await refuses(t, urls.amqp10(broker.port))
})

t.test('OpenWire: ActiveMQ', { skip: activemqMissing() }, async (t) => {
  const broker = await startActiveMQ(t)
  await arrives(t, urls.openwire(broker.port))
  await refuses(t, urls.openwire(broker.port))
})

for (const [protocol, url] of Object.entries(urls)) {
  t.test(`${protocol}: nobody there, nobody who answers, and somebody who speaks otherwise`, async (t) => {
    await t.rejects(publish(provider(url(await freePort())), { topic }, event('a')))
    const mute = await tcpServer(t, () => undefined)
    await t.rejects(publish(provider(url(mute.port)), { topic, timeout: 200 }, event('a')))
    const web = await tcpServer(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await t.rejects(publish(provider(url(web.port)), { topic }, event('a')))
  })
}

t.test('the next broker of the list is tried when the first one is away', async (t) => {
  const broker = await startBroker({ port: 0, username: 'admin', password: new Secret('admin') })
  t.teardown(() => broker.close())
  const list = `failover:(amqp://127.0.0.1:${await freePort()},amqp://127.0.0.1:${broker.port})`
  await t.resolves(publish(provider(list), { topic }, event('a')))
})

function event(id: string): string {
  return revocationEvent({ kind: 'token', id, expiresAt: EXPIRES })
}

async function arrives(t: Test, url: string): Promise<void> {
  const sink = run(t, await realtimeSource(provider(url), { topic }, silent))
  await sink.status('live')
  for (const id of IDS) await publish(provider(url), { topic }, event(id))
  await sink.until(() => sink.records.length === IDS.length)
  t.same(
    sink.records,
    IDS.map((id) => ({ kind: 'token', id, expiresAt: EXPIRES })),
  )
}

async function refuses(t: Test, url: string): Promise<void> {
  const error = await publish(provider(url, 'not the password'), { topic }, event('secret-id')).then(
    () => undefined,
    (reason) => reason,
  )
  t.match(error, { code: /ERR_BROKER_REFUSED|ERR_BROKER_PROTOCOL|ERR_OPENWIRE_CREDENTIALS_REFUSED/ })
  t.notMatch(String(error), /not the password|secret-id/)
}
