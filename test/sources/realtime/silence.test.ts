import t from 'tap'
import { Secret } from '../../../src/config/secret.js'
import { silent } from '../../../src/logging/index.js'
import { readProvider, realtimeSource } from '../../../src/sources/realtime/index.js'
import { activemqMissing, startActiveMQ } from '../../services/activemq.js'
import { openLink } from '../../services/link.js'
import { rabbitmqMissing, startRabbitMQ } from '../../services/rabbitmq.js'
import { run } from './recording-sink.js'

/** What docs/brokers.md promises of every protocol, with no option set (ms). */
const NOTICED_WITHIN = 15_000

const skip = rabbitmqMissing() || activemqMissing()

t.test('a broker that is frozen, or behind a link that swallows all, is a gap within 15 s', { skip }, async (t) => {
  const [rabbit, active] = await Promise.all([startRabbitMQ(t), startActiveMQ(t)])
  const rabbitLink = await openLink(t, rabbit.port)
  const activeLink = await openLink(t, active.port)
  const urls = (rabbitPort: number, activePort: number) => [
    `amqp://admin:admin@127.0.0.1:${rabbitPort}/carbon`,
    `amqp10://127.0.0.1:${rabbitPort}`,
    `tcp://127.0.0.1:${activePort}`,
  ]
  const all = [...urls(rabbit.port, active.port), ...urls(rabbitLink.port, activeLink.port)]
  const opened = all.map(async (url) => {
    const login = { username: 'admin', password: new Secret('admin') }
    const provider = readProvider({ factory: '', url: new Secret(url), ...login })
    return { url, sink: run(t, await realtimeSource(provider, { topic: 'quiet' }, silent)) }
  })
  const sinks = await Promise.all(opened)
  await Promise.all(sinks.map(({ sink }) => sink.status('live')))
  const since = performance.now()
  for (const link of [rabbitLink, activeLink]) link.blackhole()
  for (const broker of [rabbit, active]) {
    broker.freeze()
    t.teardown(() => broker.thaw())
  }
  await Promise.all(
    sinks.map(async ({ url, sink }) => {
      await sink.status('gap')
      const ms = Math.round(performance.now() - since)
      t.ok(ms < NOTICED_WITHIN, `${new URL(url).protocol} noticed after ${ms} ms`)
    }),
  )
})
