import type { Server, Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { FailureLog, type Logger } from '../../logging/index.js'
import type { ListenerRefusals } from '../../metrics/index.js'
import { type AddressList, type Http2Stream, reset } from '../../proxy/index.js'
import { networkOf, peerOf } from '../client-network.js'
import { type ResponsePace, SlowReaders } from './slow-readers.js'

export interface ConnectionLimits {
  /** Connections at a time; Infinity: no limit. */
  readonly most: number
  /** Connections of one client at a time (`networkOf`); Infinity: no limit. */
  readonly mostOfClient: number
  /** Proxies, which are not limited as one client: they connect for many. Absent: none. */
  readonly trustedProxies?: AddressList | undefined
  /** How fast a client must take what it is sent; absent: no limit. */
  readonly pace?: ResponsePace | undefined
}

/** What a listener knows of its connections. */
export interface ServedConnections {
  /** Whether no request of it is under way. */
  isIdle(socket: Socket): boolean
  /** Closes one that is idle. */
  close(socket: Socket): void
}

/** Connections that are looked at, at most, to find an idle one. */
const MAX_LOOKS = 64

/**
 * The connections of one listener or of several. At the limit an idle one is closed for each new one; where none is found,
 * and beyond a client's limit, a new one is closed as soon as it was accepted, before a TLS handshake. A client that reads too
 * slowly is reset. The log says so at once, and then once a minute with a count.
 */
export class Connections {
  /** Finds clients that take the response of an HTTP/2 stream too slowly, and resets that stream. */
  readonly slowStreams: SlowReaders<Http2Stream> | undefined
  readonly #limits: ConnectionLimits
  readonly #log: FailureLog
  readonly #slowReaders: SlowReaders<Socket> | undefined
  readonly #ofClients = new Map<string, number>()
  /** Those that may be closed while they are idle; who was looked at last comes last. */
  readonly #served = new Map<Socket, ServedConnections>()
  #open = 0
  #refusals: ListenerRefusals | undefined

  constructor(limits: ConnectionLimits, logger: Logger) {
    this.#limits = limits
    this.#log = new FailureLog(logger, () => performance.now())
    this.#slowReaders =
      limits.pace &&
      new SlowReaders<Socket>(limits.pace, (socket) => {
        this.#log.failed('warn', 'client takes its response too slowly; connection closed', undefined)
        this.#refusals?.count('slow-reader')
        reset(socket)
      })
    this.slowStreams =
      limits.pace &&
      new SlowReaders<Http2Stream>(limits.pace, (stream) => {
        this.#log.failed('warn', 'client takes its response too slowly; stream reset', undefined)
        stream.reset()
      })
  }

  /**
   * Has a server serve what is within the limits, and nothing else. Call it once, before the server listens.
   *
   * @param refusals counts what is closed; the same for all servers
   */
  guard(server: Server, served: ServedConnections, refusals?: ListenerRefusals): void {
    this.#refusals = refusals
    const isTls = server instanceof TlsServer
    const serving = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      if (!this.#admits(socket)) return void socket.destroy()
      if (!isTls) this.#opened(socket, served)
      for (const serve of serving) serve.call(server, socket)
    })
    if (isTls) server.on('secureConnection', (socket) => this.#opened(socket, served))
  }

  #opened(socket: Socket, served: ServedConnections): void {
    this.#served.set(socket, served)
    this.#slowReaders?.watch(socket)
    socket.once('close', () => {
      this.#served.delete(socket)
      this.#slowReaders?.forget(socket)
    })
  }

  #admits(socket: Socket): boolean {
    const client = this.#clientOf(socket)
    if (client !== undefined && !this.#admitsAnotherOf(client)) return false
    if (this.#open >= this.#limits.most && !this.#makeRoom()) return false
    if (client !== undefined) this.#ofClients.set(client, (this.#ofClients.get(client) ?? 0) + 1)
    this.#open++
    socket.once('close', () => this.#closed(client))
    return true
  }

  #makeRoom(): boolean {
    const { most: limit } = this.#limits
    for (let looks = Math.min(MAX_LOOKS, this.#served.size); looks > 0; looks--) {
      const [next] = this.#served
      if (next === undefined) break
      const [socket, served] = next
      this.#served.delete(socket)
      if (served.isIdle(socket)) {
        this.#log.failed('warn', 'too many connections; closing idle ones', undefined, { limit })
        served.close(socket)
        return true
      }
      this.#served.set(socket, served)
    }
    this.#refusals?.count('limit')
    this.#log.failed('warn', 'too many connections; closing new ones', undefined, { limit })
    return false
  }

  /** Whose connections a connection counts as one of; `undefined`: it is not counted. */
  #clientOf(socket: Socket): string | undefined {
    const { mostOfClient, trustedProxies } = this.#limits
    if (mostOfClient === Number.POSITIVE_INFINITY) return undefined
    const address = peerOf(socket)
    return trustedProxies?.has(address) === true ? undefined : networkOf(address)
  }

  #admitsAnotherOf(client: string): boolean {
    const { mostOfClient: limit } = this.#limits
    if ((this.#ofClients.get(client) ?? 0) < limit) return true
    this.#refusals?.count('client-limit')
    this.#log.failed('warn', 'too many connections of one client; closing new ones', undefined, { limit, client })
    return false
  }

  #closed(client: string | undefined): void {
    this.#open--
    if (client === undefined) return
    const left = (this.#ofClients.get(client) ?? 0) - 1
    if (left > 0) this.#ofClients.set(client, left)
    else this.#ofClients.delete(client)
  }
}
