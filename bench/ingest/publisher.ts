// A publisher process: revocations to RabbitMQ, at a rate or as fast as the broker takes them.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import amqplib from 'amqplib'

export interface Order {
  readonly topic: string
  readonly count: number
  /** Revocations a second; 0: no limit. */
  readonly rate: number
  /** The tokens are this and, if there are several, a number. */
  readonly prefix: string
}

const [port] = process.argv.slice(2)
const connection = await amqplib.connect(`amqp://admin:admin@127.0.0.1:${port}/carbon`)
const channel = await connection.createChannel()
process.on('message', (order: Order) => {
  void publish(order).then(() => process.send?.('published'))
})
process.on('disconnect', () => process.exit())
process.send?.('open')

async function publish({ topic, count, rate, prefix }: Order): Promise<void> {
  const began = performance.now()
  for (let i = 0; i < count; i++) {
    if (rate > 0) {
      const early = (i / rate) * 1000 - (performance.now() - began)
      if (early > 1) await sleep(early)
    }
    const revokedToken = count === 1 ? prefix : `${prefix}${i}`
    const text = JSON.stringify({ revokedToken, ttl: '3600', expiryTime: Date.now() + 3_600_000 })
    if (!channel.publish('amq.topic', topic, Buffer.from(text), { contentType: 'text/plain' })) {
      await once(channel, 'drain')
    }
  }
}
