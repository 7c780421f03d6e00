import { Secret } from '../../../config/index.js'
import { type Protocol, type Provider, ProviderUrlError, type UrlReading } from './provider.js'
import { readQpidUrl } from './qpid-url.js'
import { AMQP10_TRANSPORTS, cutFailover, OPENWIRE_TRANSPORTS, readUris } from './uri-list.js'
import { cutUrl, type UrlParts } from './url-parts.js'

/** Far longer than any list of brokers. */
const MAX_LENGTH = 16 * 1024

/** The keys of `[tokenRevocationConfig.realtime]` that say where the topic is. */
export interface ProviderSettings {
  /** `jmsConnectioninitialContextFactory`; empty or absent leaves it to the URL. */
  readonly factory?: string
  /** `jmsConnectionProviderUrl` */
  readonly url: Secret
  /** Wins over the URL's, unless it is empty. */
  readonly username?: string
  /** Wins over the URL's, unless it is empty. */
  readonly password?: Secret
}

/**
 * Reads which protocol is meant, which brokers, and who asks. The URL decides; a factory that means another protocol
 * than the URL is an error, an absent one never is. Throws ProviderUrlError, which never quotes the URL.
 */
export function readProvider(settings: ProviderSettings): Provider {
  const url = settings.url.reveal().trim()
  if (url === '') throw new ProviderUrlError('ERR_PROVIDER_EMPTY', 'the URL is empty')
  if (url.length > MAX_LENGTH) throw new ProviderUrlError('ERR_PROVIDER_TOO_LONG', 'the URL is too long')
  const expected = protocolOfFactory(settings.factory?.trim() ?? '')
  const { protocol, reading } = readUrl(url, expected)
  if (expected !== undefined && expected !== protocol) {
    throw new ProviderUrlError(
      'ERR_PROVIDER_CONTRADICTION',
      `jmsConnectioninitialContextFactory means ${NAMES[expected]}, the URL's scheme means ${NAMES[protocol]}: correct one of them, or remove the factory`,
    )
  }
  const { username, password, ...rest } = reading
  const provider: Provider = {
    ...rest,
    protocol,
    username: settings.username || username,
    password: settings.password?.isEmpty === false ? settings.password : new Secret(password),
  }
  if (protocol === 'amqp-0-9-1' && provider.username === '') {
    throw new ProviderUrlError(
      'ERR_PROVIDER_USER_INFO',
      'user information: set jmsConnectionUsername, or write user:password@ behind the scheme',
    )
  }
  return provider
}

const NAMES: Readonly<Record<Protocol, string>> = {
  'amqp-0-9-1': 'AMQP 0-9-1',
  'amqp-1-0': 'AMQP 1.0',
  openwire: 'OpenWire',
}

function readUrl(url: string, expected: Protocol | undefined): { protocol: Protocol; reading: UrlReading } {
  const failover = cutFailover(url)
  if (failover !== undefined) {
    // Only ActiveMQ and Qpid JMS write failover lists like this: "amqp" in one is AMQP 1.0.
    const amqp = /^amqp/i.test(failover.uris[0] ?? '')
    const transports = amqp ? AMQP10_TRANSPORTS : OPENWIRE_TRANSPORTS
    const reading = readUris(failover.uris, failover.query, transports)
    return { protocol: amqp ? 'amqp-1-0' : 'openwire', reading }
  }
  const parts = cutUrl(url)
  if (parts === undefined) throw new ProviderUrlError('ERR_PROVIDER_SCHEME', 'scheme: expected one, as in amqp://')
  const protocol = protocolOfScheme(parts, expected)
  if (protocol === 'amqp-0-9-1') return { protocol, reading: readQpidUrl(parts) }
  const transports = protocol === 'openwire' ? OPENWIRE_TRANSPORTS : AMQP10_TRANSPORTS
  return { protocol, reading: readUris([url], '', transports) }
}

function protocolOfScheme({ scheme, query }: UrlParts, expected: Protocol | undefined): Protocol {
  if (Object.hasOwn(OPENWIRE_TRANSPORTS, scheme)) return 'openwire'
  if (scheme === 'amqp10' || scheme === 'amqp10s') return 'amqp-1-0'
  if (scheme === 'amqp' || scheme === 'amqps') {
    // The one scheme that two protocols share: Qpid JMS writes it too, and never with a broker list.
    const isList = /(^|[&,])brokerlist=/i.test(query)
    return expected === 'amqp-1-0' && !isList ? 'amqp-1-0' : 'amqp-0-9-1'
  }
  throw new ProviderUrlError(
    'ERR_PROVIDER_SCHEME',
    'scheme: expected amqp, amqps, amqp10, amqp10s, tcp, nio, ssl, nio+ssl or failover',
  )
}

/** JNDI's initial context factories, by how their names begin; the first that fits counts. */
const FACTORIES: readonly (readonly [start: string, protocol: Protocol])[] = [
  ['org.apache.qpid.jms.jndi.', 'amqp-1-0'],
  ['org.apache.qpid.jndi', 'amqp-0-9-1'],
  ['org.wso2.andes', 'amqp-0-9-1'],
  ['wso2mb', 'amqp-0-9-1'],
  // What files of MGW 3.0 and 3.1 have.
  ['bmb', 'amqp-0-9-1'],
  ['org.apache.activemq.', 'openwire'],
]

/** The protocol that a factory's client speaks; `undefined` when none is named. Throws for one that is not known. */
function protocolOfFactory(factory: string): Protocol | undefined {
  if (factory === '') return undefined
  const name = factory.toLowerCase()
  const known = FACTORIES.find(([start]) => name.startsWith(start))
  if (known !== undefined) return known[1]
  throw new ProviderUrlError(
    'ERR_PROVIDER_FACTORY',
    'initial context factory: expected one of WSO2 (wso2mbInitialContextFactory), ActiveMQ or Qpid',
  )
}
