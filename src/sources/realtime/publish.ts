import { type Broker, type BrokerTls, verification } from './broker/broker.js'
import { withRemedy } from './broker/remedy.js'
import type { Protocol, Provider } from './provider-url/provider.js'
import { providerTls } from './provider-url/tls.js'

export interface PublishOptions {
  readonly topic: string
  /** Wins over what the URL says of TLS. */
  readonly tls?: BrokerTls
  /** Milliseconds that one broker may take. Default 10 s. */
  readonly timeout?: number
}

/** The protocols' names, for people. */
export const PROTOCOL_NAMES: Readonly<Record<Protocol, string>> = {
  'amqp-0-9-1': 'AMQP 0-9-1',
  'amqp-1-0': 'AMQP 1.0',
  openwire: 'OpenWire',
}

const TIMEOUT = 10_000

/**
 * Publishes one text message to a provider's topic: to the first of its brokers that takes it. Resolves when that
 * broker has said so; rejects with the last broker's error, which holds neither credentials nor the message.
 */
export async function publish(provider: Provider, options: PublishOptions, text: string): Promise<void> {
  const tls = providerTls(provider, options.tls ?? {})
  let last: unknown
  for (const broker of provider.brokers) {
    try {
      const signal = AbortSignal.timeout(options.timeout ?? TIMEOUT)
      await withRemedy(provider.protocol, broker, signal, () =>
        publishTo(broker, provider, { topic: options.topic, tls }, text, signal),
      )
      return
    } catch (error) {
      last = error
    }
  }
  throw last
}

/** Loads what the protocol needs, and no other's. */
async function publishTo(
  broker: Broker,
  provider: Provider,
  { topic, tls }: { topic: string; tls: BrokerTls },
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const { username, password } = provider
  if (provider.protocol === 'amqp-1-0') {
    const { publish10 } = await import('./amqp-1-0/publish.js')
    return publish10(broker, { topic, username, password, tls }, text, signal)
  }
  if (provider.protocol === 'openwire') {
    const { publishOpenWire } = await import('./openwire/publish.js')
    return publishOpenWire(broker, { topic, username, password, tls: verification(tls) }, text, signal)
  }
  const { publish091 } = await import('./amqp-0-9-1/publish.js')
  const { DEFAULT_EXCHANGE, DEFAULT_HEARTBEAT } = await import('./amqp-0-9-1/source.js')
  const target = {
    topic,
    username,
    password,
    tls,
    // As for subscriptions: a JNDI URL's path is `/carbon`, the host's name is `carbon`.
    vhost: (provider.vhost ?? '/').replace(/^\/(?=.)/, ''),
    exchange: provider.topicExchange ?? DEFAULT_EXCHANGE,
    heartbeat: DEFAULT_HEARTBEAT,
  }
  return publish091(broker, target, text, signal)
}
