import { countUnknown, readBrokerOptions } from './broker-options.js'
import type { ProviderBroker, UrlReading } from './provider.js'
import { ProviderUrlError } from './provider.js'
import type { Options } from './qpid-url.js'
import { cutUrl, decode, parseAddress, parseUserInfo, type UrlParts } from './url-parts.js'

/** A transport of ActiveMQ (OpenWire) or of Qpid JMS and ours (AMQP 1.0). */
interface Transport {
  readonly tls: boolean
  readonly port: number
}

export const OPENWIRE_TRANSPORTS: Readonly<Record<string, Transport>> = {
  tcp: { tls: false, port: 61_616 },
  nio: { tls: false, port: 61_616 },
  ssl: { tls: true, port: 61_617 },
  'nio+ssl': { tls: true, port: 61_617 },
}
export const AMQP10_TRANSPORTS: Readonly<Record<string, Transport>> = {
  amqp10: { tls: false, port: 5672 },
  amqp10s: { tls: true, port: 5671 },
  amqp: { tls: false, port: 5672 },
  amqps: { tls: true, port: 5671 },
}

const USER_NAMES = ['jms.username']
const PASSWORDS = ['jms.password']
const CLIENT_IDS = ['jms.clientid']
/** Reconnection is our own; the order of brokers is the list's. */
const HARMLESS =
  /^(jms\..+|randomize|.*reconnect.*|backup.*|timeout|nested\..+|failover\..+|trackmessages|startupmaxreconnectattempts|updateurissupported|rebalance.*|priority.*|usee.*|warn.*|maxcachesize)$/

/** Cuts `failover:(a,b)?options`, with `//` and brackets or without them. `undefined` for a URL of another kind. */
export function cutFailover(url: string): { uris: string[]; query: string } | undefined {
  const inner = /^failover:(?:\/\/)?(.*)$/is.exec(url)?.[1]
  if (inner === undefined) return undefined
  const bracketed = /^\(([^()]*)\)(?:\?(.*))?$/s.exec(inner)
  const list = bracketed === null ? inner : (bracketed[1] ?? '')
  if (bracketed === null && /[()]/.test(inner)) {
    throw new ProviderUrlError('ERR_PROVIDER_BROKER_LIST', 'failover: expected (uri,uri) with both brackets')
  }
  const uris = list.split(',').map((uri) => uri.trim())
  if (uris.some((uri) => uri === '')) {
    throw new ProviderUrlError('ERR_PROVIDER_BROKER_LIST', 'failover: expected URIs separated by single commas')
  }
  return { uris, query: bracketed?.[2] ?? '' }
}

/** Reads one or more plain URIs of the same protocol, and the options that they have in common. */
export function readUris(
  uris: readonly string[],
  query: string,
  transports: Readonly<Record<string, Transport>>,
): UrlReading {
  const readings = uris.map((uri, index) => {
    const where = uris.length === 1 ? 'the broker' : `broker ${index + 1}`
    const parts = cutUrl(uri)
    const transport = parts === undefined ? undefined : transports[parts.scheme]
    if (parts === undefined || transport === undefined) {
      throw new ProviderUrlError('ERR_PROVIDER_SCHEME', `${where}: expected a URI of one and the same protocol`)
    }
    return readUri(parts, transport, where)
  })
  const common = parseQuery(query, 'the query')
  const options = [...common, ...readings.flatMap(({ options }) => options)]
  const find = (names: readonly string[]) => options.find(([name]) => names.includes(name))?.[1]
  const fromUri = readings.map(({ userInfo }) => userInfo).find((userInfo) => userInfo !== undefined)
  const { username, password } = parseUserInfo(fromUri)
  return {
    brokers: readings.map(({ broker }) => broker),
    vhost: undefined,
    clientId: find(CLIENT_IDS),
    username: find(USER_NAMES) ?? username,
    password: find(PASSWORDS) ?? password,
    topicExchange: undefined,
    unknownOptions: countUnknown(options.filter(([name]) => !HARMLESS.test(name))),
  }
}

function readUri(parts: UrlParts, transport: Transport, where: string) {
  if (parts.path !== '' && parts.path !== '/') {
    throw new ProviderUrlError('ERR_PROVIDER_PATH', `${where}: expected no path behind the port`)
  }
  const options = parseQuery(parts.query, where)
  const { tls: _said, ...rest } = readBrokerOptions(options, where)
  const address = parseAddress(parts.address, transport.port, where)
  const broker: ProviderBroker = { ...address, tls: transport.tls, ...rest }
  return { broker, options, userInfo: parts.userInfo }
}

/** Reads `name=value&name=value`, percent-encoded. */
function parseQuery(query: string, where: string): Options {
  const pairs = query.split('&').filter((pair) => pair !== '')
  return pairs.map((pair, index) => {
    const equals = pair.indexOf('=')
    if (equals < 1) {
      throw new ProviderUrlError('ERR_PROVIDER_OPTION', `${where}: option ${index + 1} is not a name and a value`)
    }
    return [decode(pair.slice(0, equals)).toLowerCase(), decode(pair.slice(equals + 1))]
  })
}
