import { Secret } from '../../src/config/index.js'
import { startBroker } from '../../src/demo/broker/index.js'

/** A program: the topic broker in a process of its own, which can be killed and frozen. Publishes what its parent sends. */

const [port = '0', topic = ''] = process.argv.slice(2)
const broker = await startBroker({ port: Number(port), username: 'admin', password: new Secret('admin') })
process.on('message', (id: string) => {
  broker.publish(topic, { revokedToken: id, ttl: '3600' })
  process.send?.({ published: id, subscribers: broker.subscriberCount(topic) })
})
process.once('disconnect', () => process.exit())
process.send?.('ready')
