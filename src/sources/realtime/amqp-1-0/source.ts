import { randomUUID } from 'node:crypto'
import { LOG_COMPONENT } from '../../message/index.js'
import type { RealtimeSource } from '../../source.js'
import { type AmqpOptions, amqpSource } from '../amqp/source.js'
import { decodeMessage } from './decode.js'
import { subscribe } from './subscribe.js'

/** A broker that is silent for so long counts as gone (ms): two heartbeats of 7 s, less than 15 s. */
const DEFAULT_IDLE_TIMEOUT = 14_000

/** Without a user name, SASL is not used. */
export interface Amqp10Options extends AmqpOptions {
  /** Milliseconds. */
  readonly idleTimeout?: number
  /** The name at the broker; each replica needs its own. Required by a durable subscription, random without one. */
  readonly clientId?: string
  /** Whether the broker keeps what is published while this client is away. */
  readonly durable?: boolean
}

/** A topic of a broker that speaks AMQP 1.0. Throws a TypeError for options that can't work. */
export function amqp10Source(options: Amqp10Options): RealtimeSource {
  if (options.durable && !options.clientId) throw new TypeError('clientId: a durable subscription needs one')
  const link = {
    topic: options.topic,
    username: options.username,
    password: options.password,
    tls: options.tls ?? {},
    idleTimeout: options.idleTimeout ?? DEFAULT_IDLE_TIMEOUT,
    containerId: options.clientId ?? `mgw-${randomUUID()}`,
    durable: options.durable ?? false,
    logger: options.logging(LOG_COMPONENT),
  }
  return amqpSource(options, {
    name: 'amqp-1-0',
    decode: decodeMessage,
    subscribe: (broker, to, attempt) => subscribe(broker, { ...link, ...to }, attempt),
  })
}
