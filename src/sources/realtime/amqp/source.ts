import type { Secret } from '../../../config/index.js'
import type { Logging } from '../../../logging/index.js'
import { LOG_COMPONENT, TopicListener, type TopicMessage } from '../../message/index.js'
import type { RealtimeSource } from '../../source.js'
import type { Broker, BrokerTls } from '../broker/broker.js'
import { type ReconnectOptions, runWithReconnect, type Subscription } from '../broker/reconnect.js'
import { withRemedy } from '../broker/remedy.js'

/** What both versions of AMQP are told. */
export interface AmqpOptions {
  /** Tried in turn. */
  readonly brokers: readonly Broker[]
  readonly topic: string
  readonly username: string
  readonly password: Secret
  readonly tls?: BrokerTls
  readonly logging: Logging
  /** Where messages are read and counted; a new one if absent. */
  readonly messages?: TopicListener
  readonly backoff?: ReconnectOptions<Broker>['backoff']
}

/** What differs between them. */
export interface AmqpProtocol<Delivery> {
  readonly name: 'amqp-0-9-1' | 'amqp-1-0'
  /** A message as it was delivered, read. Throws if it can't be. */
  decode(delivery: Delivery): TopicMessage
  subscribe(broker: Broker, to: AmqpDelivery<Delivery>, attempt: AbortSignal): Promise<Subscription>
}

/** Where a subscription's messages go. None of it throws. */
export interface AmqpDelivery<Delivery> {
  deliver(delivery: Delivery): void
  /** Told of a message whose body was too long to be taken in. */
  tooLong(): void
  /** Resolves when what was delivered so far may be acknowledged; rejects when it may not be yet. */
  stored(): Promise<void>
}

/** A topic that is read over AMQP. Throws a TypeError for options that can't work. */
export function amqpSource<Delivery>(options: AmqpOptions, protocol: AmqpProtocol<Delivery>): RealtimeSource {
  if (options.brokers.length === 0) throw new TypeError('brokers: at least one is needed')
  if (options.topic === '') throw new TypeError('topic: must not be empty')
  const messages = options.messages ?? new TopicListener({ logging: options.logging })
  const decode = (delivery: Delivery) => {
    try {
      return protocol.decode(delivery)
    } catch {
      messages.undecodable('undecodable-body')
      return undefined
    }
  }
  return {
    name: protocol.name,
    run(sink, signal) {
      const to: AmqpDelivery<Delivery> = {
        deliver: (delivery) => {
          const message = decode(delivery)
          if (message !== undefined) messages.deliver(message, sink)
        },
        tooLong: () => messages.undecodable('too-long'),
        stored: async () => sink.stored?.(),
      }
      return runWithReconnect(
        {
          brokers: options.brokers,
          subscribe: (broker, attempt) =>
            withRemedy(protocol.name, broker, attempt, () => protocol.subscribe(broker, to, attempt)),
          logger: options.logging(LOG_COMPONENT),
          ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
        },
        sink,
        signal,
      )
    },
  }
}
