import type { Logging } from '../../logging/index.js'
import type { RetryTiming } from '../../time/index.js'
import { LOG_COMPONENT, TopicListener } from '../message/index.js'
import type { RealtimeSource } from '../source.js'
import { type BrokerTls, verification } from './broker/broker.js'
import type { Protocol, Provider } from './provider-url/provider.js'
import { providerTls } from './provider-url/tls.js'

/** The name of our subscription at a broker that keeps it. */
const SUBSCRIPTION = 'mgw'

/** What the provider's URL does not say. */
export interface RealtimeOptions {
  readonly topic: string
  /** Whether the broker keeps what is published while this gateway is away (AMQP 1.0 and OpenWire). */
  readonly durable?: boolean
  /** This gateway's own name at the broker; the URL's if absent. A durable subscription needs one. */
  readonly clientId?: string
  /** Wins over what the URL says of TLS. */
  readonly tls?: BrokerTls
  /** A broker that is silent for so long (ms) counts as gone; each protocol has its default. */
  readonly idleTimeout?: number
  readonly backoff?: Partial<RetryTiming>
  /** Where messages are read and counted; a new one if absent. */
  readonly messages?: TopicListener
}

type Settings = RealtimeOptions & { readonly messages: TopicListener; readonly tls: BrokerTls }
type Opening = (provider: Provider, settings: Settings, logging: Logging) => Promise<RealtimeSource>

/** Each protocol's way to a source: the one place that knows them all. It loads what that protocol needs. */
const OPENINGS: Readonly<Record<Protocol, Opening>> = {
  'amqp-0-9-1': openAmqp091,
  'amqp-1-0': openAmqp10,
  openwire: openOpenWire,
}

/**
 * The topic of a provider, by the protocol that it speaks. Rejects with ProviderUrlError, TypeError or RangeError for what
 * can't work; the source itself throws nothing.
 */
export async function realtimeSource(
  provider: Provider,
  options: RealtimeOptions,
  logging: Logging,
): Promise<RealtimeSource> {
  if (provider.unknownOptions > 0) {
    const count = provider.unknownOptions
    logging(LOG_COMPONENT).warn('ignoring unknown options in the provider URL', { count })
  }
  const messages = options.messages ?? new TopicListener({ logging })
  const tls = providerTls(provider, options.tls ?? {})
  if (tls.verifyHostname === false && provider.brokers.some((broker) => broker.tls)) {
    logging(LOG_COMPONENT).warn('broker host name is not verified: traffic can be intercepted')
  }
  const source = await OPENINGS[provider.protocol](provider, { ...options, messages, tls }, logging)
  return { ...source, malformed: () => messages.malformed() }
}

async function openAmqp091(provider: Provider, settings: Settings, logging: Logging): Promise<RealtimeSource> {
  const { amqp091Source } = await import('./amqp-0-9-1/source.js')
  if (settings.durable) {
    logging(LOG_COMPONENT).warn(
      'durable subscriptions are not supported over AMQP 0-9-1: revocations published while the gateway is down come from the persistent store only',
    )
  }
  const heartbeat = firstHeartbeat(provider)
  return amqp091Source({
    ...shared(provider, settings),
    vhost: provider.vhost ?? '/',
    ...(heartbeat === undefined ? {} : { heartbeat }),
    ...(provider.topicExchange === undefined ? {} : { exchange: provider.topicExchange }),
    ...(settings.idleTimeout === undefined ? {} : { idleTimeout: settings.idleTimeout }),
    tls: settings.tls,
    messages: settings.messages,
    logging,
  })
}

async function openAmqp10(provider: Provider, settings: Settings, logging: Logging): Promise<RealtimeSource> {
  const { amqp10Source } = await import('./amqp-1-0/source.js')
  const clientId = settings.clientId ?? provider.clientId
  return amqp10Source({
    ...shared(provider, settings),
    ...(settings.durable ? { durable: true } : {}),
    // Without a durable subscription a random name is better: no two gateways are then taken for one.
    ...(settings.durable && clientId !== undefined ? { clientId } : {}),
    ...(settings.idleTimeout === undefined ? {} : { idleTimeout: settings.idleTimeout }),
    tls: settings.tls,
    messages: settings.messages,
    logging,
  })
}

async function openOpenWire(provider: Provider, settings: Settings, logging: Logging): Promise<RealtimeSource> {
  const { openWireSource } = await import('./openwire/source.js')
  const clientId = settings.clientId ?? provider.clientId
  if (settings.durable && clientId === undefined) throw new TypeError('clientId: a durable subscription needs one')
  const { messages } = settings
  return openWireSource({
    ...shared(provider, settings),
    ...(settings.durable && clientId !== undefined ? { durable: { clientId, name: SUBSCRIPTION } } : {}),
    ...(settings.idleTimeout === undefined ? {} : { heartbeat: settings.idleTimeout }),
    tls: verification(settings.tls),
    logger: logging(LOG_COMPONENT),
    onMessage: (message, sink) => messages.deliver(message, sink),
    onMalformed: ({ code }) =>
      messages.undecodable(code === 'ERR_OPENWIRE_BODY_TOO_LONG' ? 'too-long' : 'undecodable-body'),
  })
}

function shared({ brokers, username, password }: Provider, { topic, backoff }: Settings) {
  return { brokers, topic, username, password, ...(backoff === undefined ? {} : { backoff }) }
}

function firstHeartbeat({ brokers }: Provider): number | undefined {
  return brokers.map(({ heartbeat }) => heartbeat).find((heartbeat) => heartbeat !== undefined)
}
