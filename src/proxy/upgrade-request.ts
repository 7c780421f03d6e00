import { Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import util from 'node:util'
import httpProxy from 'http-proxy'
import { ignore } from './upgrade-sockets.js'

/** What goes to an upstream, byte for byte. */
export interface UpgradeRequest {
  readonly host: string
  readonly path: string
  /** Name, value, name, value ...: without what concerns a connection. */
  readonly headers: readonly string[]
}

export interface UpgradeRequestHooks {
  /** Called in the turn in which the first byte is written. To stop it, destroy the connection: none is. */
  readonly starting: () => void
  /** The upstream switched protocols: called before the client is told. */
  readonly switched: (response: IncomingMessage) => void
  /** The client is told, and both sockets are piped. */
  readonly open: () => void
  /** The upstream's answer is another than 101. */
  readonly answered: (response: IncomingMessage) => void
  readonly failed: (error: Error) => void
}

/**
 * Asks for a WebSocket over a connection that stands, through http-proxy, which joins it with `client` when the upstream
 * switches. http-proxy's rewriting of paths and its copying of other answers are kept out. Throws if the request cannot
 * stand in a message.
 */
export function requestUpgrade(
  request: UpgradeRequest,
  connection: Socket,
  client: Duplex,
  hooks: UpgradeRequestHooks,
): void {
  if (!TARGET.test(request.path)) throw new TypeError('the path cannot stand in a request')
  const proxy = httpProxy.createProxyServer({})
  let upgrade: ClientRequest | undefined
  proxy.on('proxyReqWs', (made: ClientRequest) => {
    upgrade = made
    upgrade.path = request.path // http-proxy would make one slash of two
    upgrade.once('socket', hooks.starting)
    upgrade.once('upgrade', hooks.switched)
  })
  proxy.on('open', hooks.open)
  proxy.on('error', ignore)
  const asked = { method: 'GET', url: '/', headers: headersOf(request) }
  const agent = new ConnectedAgent(connection)
  // The scheme is always http: for wss the connection given is TLS already.
  const target = { protocol: 'http:', host: 'upstream', port: 80 }
  proxy.ws(asked as unknown as IncomingMessage, client, Buffer.alloc(0), { target, agent, toProxy: true }, hooks.failed)
  // http-proxy would copy an answer with its hop-by-hop headers, and chunks that have lost their framing.
  upgrade?.removeAllListeners('response').once('response', hooks.answered)
}

/** What Node lets through in a request's first line; the path is set past its own check. */
const TARGET = /^[!-\u00ff]+$/
/** Never taken from a client: they are the gateway's to say, or frame a body that an upgrade has not. */
const OURS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'upgrade',
  'content-length',
  'transfer-encoding',
  'expect',
  '__proto__',
])

function headersOf(request: UpgradeRequest): Record<string, string[] | string> {
  const all = new Map<string, { name: string; values: string[] }>()
  for (let i = 0; i + 1 < request.headers.length; i += 2) {
    const [name, value] = [request.headers[i] as string, request.headers[i + 1] as string]
    const lower = name.toLowerCase()
    if (OURS.has(lower)) continue
    const known = all.get(lower)
    if (known === undefined) all.set(lower, { name, values: [value] })
    else known.values.push(value)
  }
  const out: Record<string, string[] | string> = { host: request.host, connection: 'Upgrade', upgrade: 'websocket' }
  for (const { name, values } of all.values()) out[name] = values.length === 1 ? (values[0] as string) : values
  return out
}

/** Has one connection, which stands already. */
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
 * http-proxy calls `util._extend`, of which newer versions of Node warn once a process: nothing that a user could do
 * anything about. So it is called here once, and that one warning dropped; every other goes its way.
 */
function warnedOfExtend(): void {
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

warnedOfExtend()
