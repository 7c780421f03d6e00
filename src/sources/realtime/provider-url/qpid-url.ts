import { cutUrl, decode, parseAddress, parseUserInfo, type UrlParts } from './authority.js'
import { countUnknown, readBrokerOptions } from './broker-options.js'
import { ProviderUrlError } from './error.js'
import type { ProviderBroker } from './provider.js'
import { type Options, parseQuotedOptions, splitOutsideQuotes } from './quoted-options.js'
import type { UrlReading } from './url-reading.js'

const DEFAULT_PORT = 5672
const DEFAULT_TLS_PORT = 5671
/** The TLS port of WSO2's and Qpid's brokers. */
const DEFAULT_QPID_TLS_PORT = 8672
/** The virtual host of an AMQP URL that names none. */
const DEFAULT_VHOST = '/'
const CONNECTION_OPTIONS = ['brokerlist', 'failover', 'defaulttopicexchange']
const HARMLESS_CONNECTION_OPTIONS = [
  'maxprefetch',
  'use_legacy_map_msg_format',
  'sync_persistence',
  'sync_ack',
  'sync_publish',
  'temporarytopicexchange',
  'temporaryqueueexchange',
  'defaultqueueexchange',
]

/**
 * Reads an AMQP 0-9-1 URL. With a `brokerlist` it is Qpid's connection URL, `amqp://user:pass@[clientid]/vhost?...`,
 * whose "host" is a client's name, and whose user, password and virtual host are mandatory; without one it is the plain
 * `amqp[s]://[user:pass@]host[:port][/vhost]?...`.
 */
export function readQpidUrl(parts: UrlParts): UrlReading {
  const options = parseQuotedOptions(parts.query, 'the query')
  const brokerList = new Map(options).get('brokerlist')
  const common = {
    ...parseUserInfo(parts.userInfo),
    topicExchange: exchangeName(new Map(options).get('defaulttopicexchange')),
  }
  const known = [...CONNECTION_OPTIONS, ...HARMLESS_CONNECTION_OPTIONS]
  const unknownOptions = countUnknown(options, known)
  if (brokerList === undefined) {
    const broker = readPlainBroker(parts, options)
    const vhost = parts.path.length > 1 ? decode(parts.path.slice(1)) : DEFAULT_VHOST
    return { ...common, brokers: [broker], vhost, clientId: undefined, unknownOptions }
  }
  const vhost = decode(parts.path.replace(/^\/+/, ''))
  if (vhost === '') {
    throw new ProviderUrlError('ERR_PROVIDER_VHOST', 'virtual host: expected /name behind the client id')
  }
  const brokers = readBrokerList(brokerList)
  return {
    ...common,
    brokers: brokers.map(({ broker }) => broker),
    vhost,
    clientId: parts.address === '' ? undefined : decode(parts.address),
    unknownOptions: brokers.reduce((sum, { unknown }) => sum + unknown, unknownOptions),
  }
}

function readPlainBroker(parts: UrlParts, options: Options): ProviderBroker {
  const where = 'the broker'
  const { tls: asked, ...rest } = readBrokerOptions(options, where)
  const tls = asked ?? parts.scheme === 'amqps'
  return { ...parseAddress(parts.address, tls ? DEFAULT_TLS_PORT : DEFAULT_PORT, where), tls, ...rest }
}

function readBrokerList(list: string): { broker: ProviderBroker; unknown: number }[] {
  const entries = splitOutsideQuotes(list, ';').filter((entry) => entry.trim() !== '')
  if (entries.length === 0) {
    throw new ProviderUrlError('ERR_PROVIDER_BROKER_LIST', "brokerlist: expected 'tcp://host:port'")
  }
  return entries.map((entry, index) => readListedBroker(entry.trim(), `brokerlist: broker ${index + 1}`))
}

function readListedBroker(entry: string, where: string): { broker: ProviderBroker; unknown: number } {
  const parts = cutUrl(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(entry) ? entry : `tcp://${entry}`)
  if (parts === undefined || (parts.scheme !== 'tcp' && parts.scheme !== 'ssl')) {
    throw new ProviderUrlError('ERR_PROVIDER_BROKER_LIST', `${where}: expected tcp://host:port`)
  }
  if (parts.userInfo !== undefined || (parts.path !== '' && parts.path !== '/')) {
    throw new ProviderUrlError('ERR_PROVIDER_BROKER_LIST', `${where}: expected nothing but host, port and options`)
  }
  const options = parseQuotedOptions(parts.query, where)
  const { tls: asked, ...rest } = readBrokerOptions(options, where)
  const tls = asked ?? parts.scheme === 'ssl'
  const address = parseAddress(parts.address, tls ? DEFAULT_QPID_TLS_PORT : DEFAULT_PORT, where)
  return { broker: { ...address, tls, ...rest }, unknown: countUnknown(options) }
}

/** JNDI writes an exchange as a name, or as `exchange.class://name//`. */
function exchangeName(value: string | undefined): string | undefined {
  const name = value === undefined ? undefined : (/^\w+:\/\/([^/]+)/.exec(value)?.[1] ?? value)
  return name === '' ? undefined : name
}
