import { countUnknown, readBrokerOptions } from './broker-options.js'
import { type ProviderBroker, ProviderUrlError, type UrlReading } from './provider.js'
import { cutUrl, decode, parseAddress, parseUserInfo, type UrlParts } from './url-parts.js'

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

/** An option's name and value, in the order of the URL; names in lower case. */
export type Options = readonly (readonly [name: string, value: string])[]

/** What may follow a quote that closes. */
const AFTER_CLOSING = new Set(['&', ',', ';', "'", undefined])

/**
 * Reads the options of a Qpid connection URL or of a broker in it: `name='value'`, separated by `&` or `,`. Quotes nest,
 * as in `brokerlist='tcp://h?retries='5''`: one before `&`, `,`, `;`, `'` or the end closes, any other opens. A value without quotes is taken too, up to the next separator. `where` names the part in errors.
 */
function parseQuotedOptions(text: string, where: string): Options {
  const options: [string, string][] = []
  let at = 0
  while (at < text.length) {
    const equals = text.indexOf('=', at)
    if (equals < 0) throw malformed(where, options.length, 'has no value')
    const name = text.slice(at, equals)
    if (!/^[A-Za-z][\w.-]*$/.test(name)) throw malformed(where, options.length, 'has no proper name')
    const end = text[equals + 1] === "'" ? closingQuote(text, equals + 1) : separator(text, equals + 1)
    if (end === undefined) throw malformed(where, options.length, 'has a quote that is not closed')
    const quoted = text[equals + 1] === "'"
    options.push([name.toLowerCase(), text.slice(equals + (quoted ? 2 : 1), end)])
    at = quoted ? end + 1 : end
    if (at < text.length && text[at] !== '&' && text[at] !== ',')
      throw malformed(where, options.length, 'is not separated')
    at++
  }
  return options
}

/** Splits at each `by` outside quotes. */
function splitOutsideQuotes(text: string, by: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "'") depth = Math.max(0, depth + step(text, at))
    if (depth > 0 || text[at] !== by) continue
    parts.push(text.slice(start, at))
    start = at + 1
  }
  return [...parts, text.slice(start)]
}

function closingQuote(text: string, opening: number): number | undefined {
  let depth = 1
  for (let at = opening + 1; at < text.length; at++) {
    if (text[at] !== "'") continue
    depth += step(text, at)
    if (depth === 0) return at
  }
  return undefined
}

function step(text: string, at: number): 1 | -1 {
  return AFTER_CLOSING.has(text[at + 1]) ? -1 : 1
}

function separator(text: string, from: number): number {
  const next = text.slice(from).search(/[&,]/)
  return next < 0 ? text.length : from + next
}

function malformed(where: string, index: number, what: string): ProviderUrlError {
  return new ProviderUrlError('ERR_PROVIDER_OPTION', `${where}: option ${index + 1} ${what}`)
}
