import { Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import util from 'node:util'
import httpProxy from 'http-proxy'
import { sharedLookup } from '../../http-client/index.js'
import { ignoreError } from '../client-connection.js'
import { responseHeaders, withoutLength } from '../headers.js'

/** Reads an upstream's origin. Throws a TypeError if it is not `ws`, `wss`, `http` or `https`. */
export function readOrigin(origin: string): URL {
  const url = new URL(origin)
  if (!/^(?:ws|http)s?:$/.test(url.protocol)) {
    throw new TypeError('upstream URL must be ws:, wss:, http: or https:')
  }
  return url
}

/** Opens a connection to an upstream; calls `connected` when a request may be written: over TLS, once it is verified. */
export function connectUpstream(url: URL, tls: ConnectionOptions, connected: () => void): Socket {
  const secure = url.protocol === 'wss:' || url.protocol === 'https:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const to = { host, port: Number(url.port) || (secure ? 443 : 80), allowHalfOpen: true, lookup: sharedLookup }
  if (!secure) return connectTcp({ ...to, noDelay: true }, connected)
  const servername = isIP(host) === 0 ? { servername: host } : {}
  return connectTls({ ...servername, ...tls, ...to, ALPNProtocols: ['http/1.1'] }, connected)
}

/** A handshake (RFC 6455 §4.1) as it goes to an upstream, byte for byte. */
export interface Handshake {
  readonly host: string
  readonly path: string
  /** Name, value, name, value ...: without headers of the connection. */
  readonly headers: readonly string[]
}

export interface HandshakeHooks {
  /** Called in the turn in which the first byte is written. Destroy the connection to send nothing. */
  starting(): void
  /** The upstream switched protocols: called before the client hears of it. */
  switched(response: IncomingMessage): void
  /** The client has the 101, and both sockets are piped. */
  open(): void
  /** The upstream answered something other than 101. */
  answered(response: IncomingMessage): void
  failed(error: Error): void
}

/**
 * Asks for a WebSocket over an established connection, through http-proxy, which joins it with `client` when the upstream
 * switches. http-proxy's rewriting of paths and its copying of other answers are bypassed. Throws if the request cannot
 * stand in a message.
 */
export function sendHandshake(handshake: Handshake, connection: Socket, client: Duplex, hooks: HandshakeHooks): void {
  if (!TARGET.test(handshake.path)) throw new TypeError('the path cannot stand in a request')
  const proxy = httpProxy.createProxyServer({})
  let upgrade: ClientRequest | undefined
  proxy.on('proxyReqWs', (made: ClientRequest) => {
    upgrade = made
    upgrade.path = handshake.path // http-proxy would merge repeated slashes
    upgrade.once('socket', () => hooks.starting())
    upgrade.once('upgrade', (response: IncomingMessage) => hooks.switched(response))
  })
  proxy.on('open', () => hooks.open())
  proxy.on('error', ignoreError)
  const request = { method: 'GET', url: '/', headers: headersOf(handshake) } as unknown as IncomingMessage
  const agent = new ConnectedAgent(connection)
  // The scheme is always http: for wss the given connection is TLS already.
  const target = { protocol: 'http:', host: 'upstream', port: 80 }
  proxy.ws(request, client, Buffer.alloc(0), { target, agent, toProxy: true }, (error) => hooks.failed(error))
  // http-proxy would copy an answer with its hop-by-hop headers, and chunks without their framing.
  upgrade?.removeAllListeners('response').once('response', (response: IncomingMessage) => hooks.answered(response))
}

/** The headers of a 101 as the client gets them: those of the connection are the gateway's own. */
export function switchedHeaders(raw: readonly string[]): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = { connection: 'Upgrade', upgrade: 'websocket' }
  const kept = withoutLength(responseHeaders(raw))
  for (let i = 0; i + 1 < kept.length; i += 2) {
    const [name, value] = [(kept[i] as string).toLowerCase(), kept[i + 1] as string]
    const known = Object.hasOwn(out, name) ? out[name] : undefined
    if (name !== '__proto__') out[name] = known === undefined ? value : [known, value].flat()
  }
  return out
}

/** What Node accepts in a request line; setting the path bypasses its check. */
const TARGET = /^[!-\u00ff]+$/
/** Never taken from a client: the gateway sets them, or they frame a body, which an upgrade has not. */
const OURS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'upgrade',
  'content-length',
  'transfer-encoding',
  'expect',
  '__proto__',
])

function headersOf({ host, headers }: Handshake): Record<string, string[] | string> {
  const all = new Map<string, { name: string; values: string[] }>()
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string]
    const lower = name.toLowerCase()
    if (OURS.has(lower)) continue
    const known = all.get(lower)
    if (known === undefined) all.set(lower, { name, values: [value] })
    else known.values.push(value)
  }
  const out: Record<string, string[] | string> = { host, connection: 'Upgrade', upgrade: 'websocket' }
  for (const { name, values } of all.values()) out[name] = values.length === 1 ? (values[0] as string) : values
  return out
}

/** An agent with one connection, which is established already. */
class ConnectedAgent extends Agent {
  readonly #connection: Socket

  constructor(connection: Socket) {
    super({ keepAlive: false })
    this.#connection = connection
  }

  override createConnection(): Socket {
    return this.#connection
  }
}

/**
 * http-proxy calls `util._extend`, for which newer versions of Node print a deprecation warning once per process that no
 * user can act on. Calls it here first, and drops that one warning.
 */
function silenceExtendWarning(): void {
  const extend: unknown = Reflect.get(util, '_extend')
  if (typeof extend !== 'function') return
  const emitWarning = process.emitWarning
  process.emitWarning = (...args: unknown[]) => {
    if (args[2] !== 'DEP0060') Reflect.apply(emitWarning, process, args)
  }
  try {
    extend({}, {})
  } finally {
    process.emitWarning = emitWarning
  }
}

silenceExtendWarning()
