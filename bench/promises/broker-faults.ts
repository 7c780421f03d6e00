import type { Test } from 'tap'
import { Secret } from '../../src/config/index.js'
import { publish, readProvider } from '../../src/sources/realtime/index.js'
import type { Teardowns } from '../../test/chaos/teardowns.js'
import type { Upstream } from '../../test/chaos/upstream.js'
import { startActiveMQ } from '../../test/services/activemq.js'
import { startEtcd } from '../../test/services/etcd.js'
import { freePort } from '../../test/services/free-port.js'
import { startRabbitMQ } from '../../test/services/rabbitmq.js'
import { Gateway, until } from './gateway.js'
import { type Measurement, type Row, repeat } from './measurement.js'
import { etcdV2, etcdV3, eventHub, type StoreUnderTest, topic } from './sources.js'

interface Restartable {
  kill(): Promise<void>
  start(): Promise<void>
}

interface Subscriber {
  readonly protocol: string
  readonly url: string
  readonly gateway: Gateway
}

const BROKER_BACK = 'broker started again, to a token of its next messages refused'
const REVOKED_MEANWHILE = 'written to the store, to refused'

/** What the services ask of a test is that it ends them. */
const asTest = (t: Teardowns) => t as unknown as Test

export const brokerFaults: readonly Measurement[] = [
  {
    name: 'broker ActiveMQ',
    async measure(t, issuer, trials) {
      const broker = await startActiveMQ(asTest(t))
      return brokerBack(issuer, trials, broker, [
        await subscribe(t, issuer, 'topic, OpenWire', `tcp://127.0.0.1:${broker.port}`),
      ])
    },
  },
  {
    name: 'broker RabbitMQ',
    async measure(t, issuer, trials) {
      const broker = await startRabbitMQ(asTest(t))
      const jndi = `amqp://admin:admin@carbon/carbon?brokerlist='tcp://127.0.0.1:${broker.port}'`
      return brokerBack(issuer, trials, broker, [
        await subscribe(t, issuer, 'topic, AMQP 0-9-1', jndi),
        await subscribe(t, issuer, 'topic, AMQP 1.0', `amqp10://127.0.0.1:${broker.port}`),
      ])
    },
  },
  {
    name: 'broker away, stores',
    async measure(t, issuer, trials) {
      const etcd = await startEtcd(t)
      const stores = [etcdV3(etcd), etcdV2(etcd), await eventHub(t)]
      const rows: Row[] = []
      for (const store of stores) rows.push(await brokerAway(t, issuer, trials, store))
      return rows
    },
  },
]

async function subscribe(t: Teardowns, issuer: Upstream, protocol: string, url: string): Promise<Subscriber> {
  return { protocol, url, gateway: await Gateway.start(t, issuer, { realtime: topic(url) }) }
}

async function brokerBack(
  issuer: Upstream,
  trials: number,
  broker: Restartable,
  subscribers: readonly Subscriber[],
): Promise<Row[]> {
  const samples = await repeat(trials, async () => {
    await broker.kill()
    await broker.start()
    const begin = performance.now()
    return Promise.all(subscribers.map((subscriber) => untilEnforced(subscriber, issuer, begin)))
  })
  return subscribers.map(({ protocol }, at) => ({
    fault: 'broker killed and started again',
    source: protocol,
    what: BROKER_BACK,
    samples: samples.map((trial) => trial[at] ?? Number.NaN),
  }))
}

/** Publishes again and again: what comes before the gateway has subscribed is lost. */
async function untilEnforced({ gateway, url }: Subscriber, issuer: Upstream, begin: number): Promise<number> {
  const token = await issuer.token()
  const provider = readProvider({
    factory: '',
    url: new Secret(url),
    username: 'admin',
    password: new Secret('admin'),
  })
  const message = JSON.stringify({ revokedToken: token.jti, ttl: '3600' })
  return until(
    'a published revocation is enforced',
    async () => {
      await publish(provider, { topic: 'tokenRevocation' }, message)
      return gateway.refuses(token)
    },
    begin,
  )
}

/** The topic's broker is not there at all. */
async function brokerAway(t: Teardowns, issuer: Upstream, trials: number, store: StoreUnderTest): Promise<Row> {
  const realtime = topic(`tcp://127.0.0.1:${await freePort()}`)
  const gateway = await Gateway.start(t, issuer, { realtime, persistent: store.section })
  const samples = await repeat(trials, async () => {
    const token = await issuer.token()
    const begin = performance.now()
    await store.put(token.jti)
    return until('what the store has is enforced', () => gateway.refuses(token), begin)
  })
  await gateway.kill()
  return { fault: 'broker away', source: `topic and ${store.name}`, what: REVOKED_MEANWHILE, samples }
}
