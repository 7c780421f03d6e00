import { randomUUID } from 'node:crypto'
import type { Secret } from '../../../config/secret.js'
import type { Logging } from '../../../logging/index.js'
import { LOG_COMPONENT, TopicMessages } from '../../message/index.js'
import type { RealtimeSource, RevocationSink } from '../../record.js'
import type { Broker, BrokerTls } from '../broker.js'
import { type ReconnectOptions, runWithReconnect } from '../reconnect.js'
import type { TopicMessage } from '../topic-message.js'
import { decodeMessage } from './decode-message.js'
import { subscribe } from './subscribe.js'

/** A broker that is silent for so long counts as gone (ms). */
export const DEFAULT_IDLE_TIMEOUT = 30_000

export interface Amqp10Options {
  /** Tried in turn. */
  readonly brokers: readonly Broker[]
  readonly topic: string
  /** Empty: SASL is not used. */
  readonly username: string
  readonly password: Secret
  readonly tls?: BrokerTls
  /** Milliseconds. */
  readonly idleTimeout?: number
  /** The name at the broker; each replica needs its own. Required by a durable subscription, random without one. */
  readonly clientId?: string
  /** Whether the broker keeps what is published while this client is away. */
  readonly durable?: boolean
  readonly logging: Logging
  /** Where messages are read and counted; a new one if absent. */
  readonly messages?: TopicMessages
  readonly backoff?: ReconnectOptions<Broker>['backoff']
}

/** A topic of a broker that speaks AMQP 1.0. Throws a TypeError for options that can't work. */
export function amqp10Source(options: Amqp10Options): RealtimeSource {
  if (options.brokers.length === 0) throw new TypeError('brokers: at least one is needed')
  if (options.topic === '') throw new TypeError('topic: must not be empty')
  if (options.durable && !options.clientId) throw new TypeError('clientId: a durable subscription needs one')
  const messages = options.messages ?? new TopicMessages({ logging: options.logging })
  const link = {
    topic: options.topic,
    username: options.username,
    password: options.password,
    tls: options.tls ?? {},
    idleTimeout: options.idleTimeout ?? DEFAULT_IDLE_TIMEOUT,
    containerId: options.clientId ?? `mgw-${randomUUID()}`,
    durable: options.durable ?? false,
  }
  return {
    name: 'amqp-1-0',
    run(sink: RevocationSink, signal: AbortSignal): Promise<void> {
      const deliver = (bytes: Buffer) => receive(bytes, messages, sink)
      return runWithReconnect(
        {
          brokers: options.brokers,
          subscribe: (broker, attempt) => subscribe(broker, { ...link, deliver }, attempt),
          logger: options.logging(LOG_COMPONENT),
          ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
        },
        sink,
        signal,
      )
    },
  }
}

function receive(bytes: Buffer, messages: TopicMessages, sink: RevocationSink): void {
  let message: TopicMessage
  try {
    message = decodeMessage(bytes)
  } catch {
    messages.undecodable('undecodable-body')
    return
  }
  messages.deliver(message, sink)
}
