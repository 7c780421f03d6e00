import { Secret } from '../../../config/index.js'
import type { ProviderBroker, StoreReference } from './provider.js'
import { ProviderUrlError } from './provider.js'
import type { Options } from './qpid-url.js'

/** What the options of a broker say, whichever client's spelling they have. */
type BrokerOptions = Pick<ProviderBroker, 'verifyHostname' | 'heartbeat' | 'trustStore' | 'keyStore'> & {
  /** `undefined`: not said. */
  readonly tls: boolean | undefined
}

const MAX_HEARTBEAT = 65_535

const SPELLINGS = {
  tls: ['ssl'],
  verifyHostname: ['ssl_verify_hostname', 'socket.verifyhostname', 'transport.verifyhost'],
  heartbeat: ['heartbeat'],
  trustStore: ['trust_store', 'transport.truststorelocation', 'transport.truststore'],
  trustStorePassword: ['trust_store_password', 'transport.truststorepassword'],
  keyStore: ['key_store', 'transport.keystorelocation', 'transport.keystore'],
  keyStorePassword: ['key_store_password', 'transport.keystorepassword'],
  keyAlias: ['ssl_cert_alias', 'transport.keyalias'],
} as const

/** Options that brokers and clients know and that have no meaning here: reconnection, for one, is our own. */
const HARMLESS =
  /^(retries|connectdelay|connecttimeout|tcp_nodelay|cyclecount|sasl_mechs|transport\..+|socket\..+|wireformat\..+|keepalive|sotimeout|tcpnodelay|connectiontimeout|amqp\..+|daemon|trace|usekeepalive|.*buffersize)$/

/** Reads a broker's options. Throws ProviderUrlError for one whose value can't be meant. */
export function readBrokerOptions(options: Options, where: string): BrokerOptions {
  const values = new Map(options)
  const find = (names: readonly string[]) => names.map((name) => values.get(name)).find((value) => value !== undefined)
  const flag = (names: readonly string[]) => toFlag(find(names), `${where}: option ${names[0]}`)
  return {
    tls: flag(SPELLINGS.tls),
    verifyHostname: flag(SPELLINGS.verifyHostname) ?? true,
    heartbeat: toHeartbeat(find(SPELLINGS.heartbeat), where),
    trustStore: toStore(find(SPELLINGS.trustStore), find(SPELLINGS.trustStorePassword)),
    keyStore: toStore(find(SPELLINGS.keyStore), find(SPELLINGS.keyStorePassword), find(SPELLINGS.keyAlias)),
  }
}

/** How many of the options are neither read nor known to be harmless; `known` names further ones that are read. */
export function countUnknown(options: Options, known: readonly string[] = []): number {
  const read = new Set<string>([...Object.values(SPELLINGS).flat(), ...known])
  return options.filter(([name]) => !read.has(name) && !HARMLESS.test(name)).length
}

/** Reads `true` or `false`; `undefined` when the option is absent. */
function toFlag(value: string | undefined, where: string): boolean | undefined {
  if (value === undefined) return undefined
  if (/^true$/i.test(value)) return true
  if (/^false$/i.test(value)) return false
  throw new ProviderUrlError('ERR_PROVIDER_OPTION', `${where}: expected true or false`)
}

function toHeartbeat(value: string | undefined, where: string): number | undefined {
  if (value === undefined) return undefined
  if (!/^\d{1,5}$/.test(value) || Number(value) > MAX_HEARTBEAT) {
    throw new ProviderUrlError('ERR_PROVIDER_OPTION', `${where}: option heartbeat: expected seconds, 0 to 65535`)
  }
  // 0 asks for none; without one a frozen broker would never be noticed.
  return Number(value) === 0 ? undefined : Number(value)
}

function toStore(path: string | undefined, password?: string, alias?: string): StoreReference | undefined {
  if (path === undefined || path === '') return undefined
  return { path, password: new Secret(password ?? ''), ...(alias === undefined ? {} : { alias }) }
}
