import type { Secret } from '../../../config/index.js'
import type { Broker } from '../broker.js'

export type Protocol = 'amqp-0-9-1' | 'amqp-1-0' | 'openwire'

/** A key store or trust store that a URL names. */
export interface StoreReference {
  readonly path: string
  readonly password: Secret
}

/** A broker as the URL describes it. What the URL does not say is `undefined`. */
export interface ProviderBroker extends Broker {
  readonly verifyHostname: boolean
  /** Seconds, 1 to 65535. */
  readonly heartbeat: number | undefined
  readonly trustStore: StoreReference | undefined
  readonly keyStore: StoreReference | undefined
}

/** Where the topic is, and who asks for it: all that a provider's URL and its companions say. */
export interface Provider {
  readonly protocol: Protocol
  /** At least one, in the URL's order. */
  readonly brokers: readonly ProviderBroker[]
  /** AMQP 0-9-1 only. */
  readonly vhost: string | undefined
  readonly clientId: string | undefined
  /** Empty: no authentication. */
  readonly username: string
  readonly password: Secret
  /** The exchange that stands for topics, where the URL names another than the usual one. */
  readonly topicExchange: string | undefined
  /** How many options are not known: their names are not told, because a misplaced quote makes a name of anything. */
  readonly unknownOptions: number
}
