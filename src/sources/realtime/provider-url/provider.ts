import type { Secret } from '../../../config/index.js'
import type { Broker } from '../broker/broker.js'

export type Protocol = 'amqp-0-9-1' | 'amqp-1-0' | 'openwire'

/** A key store or trust store that a URL names. */
export interface StoreReference {
  readonly path: string
  readonly password: Secret
  /** The entry of a key store; the first if absent. */
  readonly alias?: string
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
  /** The exchange for topics, where the URL names another than the usual one. */
  readonly topicExchange: string | undefined
  /** How many options are not known: their names are not told, because a misplaced quote makes a name of anything. */
  readonly unknownOptions: number
}

/** What is wrong with a provider's URL. Stable. */
export type ProviderUrlErrorCode =
  | 'ERR_PROVIDER_EMPTY'
  | 'ERR_PROVIDER_TOO_LONG'
  | 'ERR_PROVIDER_SCHEME'
  | 'ERR_PROVIDER_FACTORY'
  | 'ERR_PROVIDER_CONTRADICTION'
  | 'ERR_PROVIDER_USER_INFO'
  | 'ERR_PROVIDER_PATH'
  | 'ERR_PROVIDER_VHOST'
  | 'ERR_PROVIDER_BROKER_LIST'
  | 'ERR_PROVIDER_HOST'
  | 'ERR_PROVIDER_PORT'
  | 'ERR_PROVIDER_OPTION'

/**
 * A provider's URL that can't be used. The message names the part and what was expected of it, and never quotes the
 * URL: where quotes or separators are wrong, any piece of it may be one of a password.
 */
export class ProviderUrlError extends Error {
  override readonly name = 'ProviderUrlError'
  readonly code: ProviderUrlErrorCode

  constructor(code: ProviderUrlErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** What the URL alone says, before the credentials beside it are looked at. */
export interface UrlReading extends Omit<Provider, 'protocol' | 'password' | 'username'> {
  readonly username: string
  /** In the clear for as long as a URL is being read, and no longer. */
  readonly password: string
}
