import { createServer, type Socket } from 'node:net'
import rhea from 'rhea'
import type { Secret } from '../../config/index.js'
import { type Logging, silent } from '../../logging/index.js'
import { LOOPBACK, listen } from '../http.js'
import { sameSecret } from '../same-secret.js'
import { serve, type Topics } from './client-connection.js'
import { encodeMessage, type MessageBody, type MessageProperties } from './message-bytes.js'
import type { QueueLimits, Subscription } from './subscription.js'

export interface BrokerOptions {
  /** 0 for a free one. */
  readonly port: number
  readonly username: string
  readonly password: Secret
  /** What may wait for one subscriber before its connection is dropped. Default: {@link QUEUE_LIMITS}. */
  readonly queueLimits?: QueueLimits
  readonly logging?: Logging
}

/** A running broker: AMQP 1.0 (ISO 19464) with SASL PLAIN, topics only, on loopback. */
export interface Broker {
  readonly port: number
  /** Without credentials. */
  readonly url: string
  /** Sends a message to the topic's current subscribers. Topics exist by being named. */
  publish(topic: string, body: MessageBody, properties?: MessageProperties): void
  subscriberCount(topic: string): number
  /** Cuts every connection without a word, as a network does; answers how many. New ones are accepted. */
  dropConnections(): number
  /** Stops listening and cuts every connection. */
  close(): Promise<void>
}

const QUEUE_LIMITS: QueueLimits = { messages: 100_000, bytes: 67_108_864 }
const MAX_CONNECTIONS = 256

/**
 * Starts a topic broker in this process. A subscriber that falls behind by more than the limits is disconnected:
 * it sees that it missed something, where a broker that drops messages in silence would leave it in the dark.
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const log = (options.logging ?? silent)('DemoBroker')
  const container = rhea.create_container({ id: 'mgw-demo-broker' })
  const password = options.password.reveal()
  container.sasl_server_mechanisms.enable_plain((username: string | null, given: string | null) => {
    const known = sameSecret(username ?? '', options.username)
    return sameSecret(given ?? '', password) && known
  })
  container.on('error', () => undefined)

  const sockets = new Set<Socket>()
  const topics = new Fanout(options.queueLimits ?? QUEUE_LIMITS, (topic) =>
    log.warn('subscriber fell behind; disconnected it', { topic }),
  )
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serve(socket, container, topics)
  })
  server.maxConnections = MAX_CONNECTIONS
  const port = await listen(server, options.port, 'message broker')
  const dropConnections = () => {
    const count = sockets.size
    for (const socket of sockets) socket.destroy()
    return count
  }
  return {
    port,
    url: `amqp10://${LOOPBACK}:${port}`,
    publish: (topic, body, properties) => topics.published(topic, encodeMessage(body, properties)),
    subscriberCount: (topic) => topics.count(topic),
    dropConnections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        dropConnections()
      }),
  }
}

class Fanout implements Topics {
  readonly limits: QueueLimits
  readonly #subscriptions = new Map<string, Set<Subscription>>()
  readonly #overflowed: (topic: string) => void

  constructor(limits: QueueLimits, overflowed: (topic: string) => void) {
    this.limits = limits
    this.#overflowed = overflowed
  }

  count(topic: string): number {
    return this.#subscriptions.get(topic)?.size ?? 0
  }

  subscribed(subscription: Subscription): void {
    const { topic } = subscription
    this.#subscriptions.set(topic, (this.#subscriptions.get(topic) ?? new Set()).add(subscription))
  }

  unsubscribed(subscription: Subscription): void {
    const subscriptions = this.#subscriptions.get(subscription.topic)
    subscriptions?.delete(subscription)
    if (subscriptions?.size === 0) this.#subscriptions.delete(subscription.topic)
  }

  published(topic: string, message: Buffer): void {
    for (const subscription of this.#subscriptions.get(topic) ?? []) {
      if (subscription.offer(message)) continue
      this.unsubscribed(subscription)
      subscription.sender.connection.socket.destroy()
      this.#overflowed(topic)
    }
  }
}
