import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { Publisher, startActiveMQ } from '../../test/services/activemq.js'
import { startRabbitMQ } from '../../test/services/rabbitmq.js'
import type { Order } from './publisher.js'

export const TOPIC = 'tokenRevocation'

export const PROTOCOLS = ['openwire', 'amqp-0-9-1', 'amqp-1-0'] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** A broker, and a publisher in a process of its own. */
export interface Source {
  /** The provider URL for the gateway. */
  readonly url: string
  /** Resolves when the publisher has handed all to its connection. */
  publish(order: Order): Promise<void>
}

/** ActiveMQ for OpenWire; RabbitMQ for both AMQPs, published to over 0-9-1, which costs the publisher least. */
export async function startSource(t: Test, protocol: Protocol): Promise<Source> {
  if (protocol === 'openwire') return openWire(t)
  const { port } = await startRabbitMQ(t)
  const publish = await forked(t, port)
  if (protocol === 'amqp-1-0') return { url: `amqp10://localhost:${port}`, publish }
  return { url: `amqp://admin:admin@carbon/carbon?brokerlist='tcp://localhost:${port}'`, publish }
}

async function openWire(t: Test): Promise<Source> {
  const [{ port }, publisher] = await Promise.all([startActiveMQ(t), Publisher.start(t)])
  return {
    url: `tcp://127.0.0.1:${port}`,
    publish({ topic, count, rate, prefix }) {
      if (count > 1) return publisher.publish(port, 'kept-rate', topic, [`${count}`, `${rate}`, prefix])
      return publisher.publish(port, 'kept-map', topic, [`revokedToken=s:${prefix}`, 'ttl=s:3600'])
    },
  }
}

async function forked(t: Test, port: number): Promise<Source['publish']> {
  const child = fork(fileURLToPath(new URL('publisher.js', import.meta.url)), [String(port)])
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'message')
  return async (order) => {
    const published = once(child, 'message')
    child.send(order)
    await published
  }
}
