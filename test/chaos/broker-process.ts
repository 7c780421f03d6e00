import { Secret } from '../../src/config/index.js'
import { startBroker } from '../../src/demo/broker/index.js'

/**
 * A program: a topic broker in a process of its own, which can be killed and frozen, with a listener for each gateway, so
 * that it can say which of them was subscribed. Publishes what its parent sends.
 */

/** Of no meaning to the gateways, which take it for a notifier's constant. */
const TTL = '3600'

const [topic = '', ...ports] = process.argv.slice(2)
const listeners = await Promise.all(
  ports.map((port) => startBroker({ port: Number(port), username: 'admin', password: new Secret('admin') })),
)
process.on('message', (id: string) => {
  const subscribed = listeners.map((broker) => broker.subscriberCount(topic) > 0)
  for (const broker of listeners) broker.publish(topic, { revokedToken: id, ttl: TTL })
  process.send?.({ published: id, subscribed })
})
process.once('disconnect', () => process.exit())
process.send?.('ready')
