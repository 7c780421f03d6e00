import type { Secret } from '../../../config/secret.js'
import type { Logging } from '../../../logging/index.js'
import { LOG_COMPONENT, TopicMessages } from '../../message/index.js'
import type { RealtimeSource, RevocationSink } from '../../record.js'
import type { Broker, BrokerTls } from '../broker.js'
import { type ReconnectOptions, runWithReconnect } from '../reconnect.js'
import type { TopicMessage } from '../topic-message.js'
import { type Delivery, decodeMessage } from './decode-message.js'
import { subscribe } from './subscribe.js'

/** Seconds. Always asked for: without one, WSO2's Andes sends none. */
export const DEFAULT_HEARTBEAT = 30
/** The exchange that JMS topics are published to. */
export const DEFAULT_EXCHANGE = 'amq.topic'
/** A broker sends at least once a heartbeat; one that has missed the next too counts as gone. */
const IDLE_HEARTBEATS = 2

export interface Amqp091Options {
  /** Tried in turn. */
  readonly brokers: readonly Broker[]
  readonly topic: string
  readonly vhost: string
  readonly username: string
  readonly password: Secret
  readonly tls?: BrokerTls
  readonly exchange?: string
  /** Seconds, 1 to 65535. */
  readonly heartbeat?: number
  /** A broker that is silent for so long counts as gone: milliseconds, two heartbeats if absent. */
  readonly idleTimeout?: number
  readonly logging: Logging
  /** Where messages are read and counted; a new one if absent. */
  readonly messages?: TopicMessages
  readonly backoff?: ReconnectOptions<Broker>['backoff']
}

/**
 * A topic of a broker that speaks AMQP 0-9-1: WSO2's Andes, Qpid Broker-J, RabbitMQ.
 * Throws a TypeError for options that can't work.
 */
export function amqp091Source(options: Amqp091Options): RealtimeSource {
  const heartbeat = options.heartbeat ?? DEFAULT_HEARTBEAT
  if (options.brokers.length === 0) throw new TypeError('brokers: at least one is needed')
  if (options.topic === '') throw new TypeError('topic: must not be empty')
  if (!(Number.isInteger(heartbeat) && heartbeat >= 1 && heartbeat <= 65_535)) {
    throw new TypeError('heartbeat: must be a whole number of seconds from 1 to 65535')
  }
  const messages = options.messages ?? new TopicMessages({ logging: options.logging })
  const link = {
    topic: options.topic,
    exchange: options.exchange ?? DEFAULT_EXCHANGE,
    // A JNDI URL's path is `/carbon`; the host's name is `carbon`, and RabbitMQ knows no other.
    vhost: options.vhost.replace(/^\/(?=.)/, ''),
    username: options.username,
    password: options.password,
    tls: options.tls ?? {},
    heartbeat,
    idleTimeout: options.idleTimeout ?? heartbeat * IDLE_HEARTBEATS * 1000,
    tooLong: () => messages.undecodable('too-long'),
  }
  return {
    name: 'amqp-0-9-1',
    run(sink: RevocationSink, signal: AbortSignal): Promise<void> {
      const deliver = (delivery: Delivery) => receive(delivery, messages, sink)
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

function receive(delivery: Delivery, messages: TopicMessages, sink: RevocationSink): void {
  let message: TopicMessage
  try {
    message = decodeMessage(delivery)
  } catch {
    messages.undecodable('undecodable-body')
    return
  }
  messages.deliver(message, sink)
}
