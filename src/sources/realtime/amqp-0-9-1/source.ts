import type { RealtimeSource } from '../../source.js'
import { type AmqpOptions, amqpSource } from '../amqp/source.js'
import { decodeMessage } from './decode.js'
import { subscribe } from './subscribe.js'

/**
 * Seconds. Always asked for: without one, WSO2's Andes sends none. Two of them are less than the 15 s in which a broker
 * that fell silent is noticed.
 */
export const DEFAULT_HEARTBEAT = 7
/** The exchange that JMS topics are published to. */
export const DEFAULT_EXCHANGE = 'amq.topic'
/** A broker sends at least once a heartbeat; one that has missed the next too counts as gone. */
const IDLE_HEARTBEATS = 2

export interface Amqp091Options extends AmqpOptions {
  readonly vhost: string
  readonly exchange?: string
  /** Seconds, 1 to 65535. */
  readonly heartbeat?: number
  /** A broker that is silent for so long counts as gone: milliseconds, two heartbeats if absent. */
  readonly idleTimeout?: number
}

/**
 * A topic of a broker that speaks AMQP 0-9-1: WSO2's Andes, Qpid Broker-J, RabbitMQ.
 * Throws a TypeError for options that can't work.
 */
export function amqp091Source(options: Amqp091Options): RealtimeSource {
  const heartbeat = options.heartbeat ?? DEFAULT_HEARTBEAT
  if (!(Number.isInteger(heartbeat) && heartbeat >= 1 && heartbeat <= 65_535)) {
    throw new TypeError('heartbeat: must be a whole number of seconds from 1 to 65535')
  }
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
  }
  return amqpSource(options, {
    name: 'amqp-0-9-1',
    decode: decodeMessage,
    subscribe: (broker, to, attempt) => subscribe(broker, { ...link, ...to }, attempt),
  })
}
