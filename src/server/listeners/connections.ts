import type { Server, Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { FailureLog, type Logger } from '../../logging/index.js'
import { reset } from '../../proxy/index.js'
import { networkOf, peerOf } from '../client-network.js'
import { type ResponsePace, SlowReaders } from './slow-readers.js'

export interface ConnectionLimits {
  /** Connections at a time; Infinity: no limit. */
  readonly most: number
  /** Connections of one client at a time (`networkOf`); Infinity: no limit. */
  readonly mostOfClient: number
  /** How fast a client must take what it is sent; absent: no limit. */
  readonly pace?: ResponsePace | undefined
}

/**
 * The connections of one listener or of several: what is beyond a limit is closed as soon as it was accepted, before a TLS
 * handshake, and a client that reads too slowly is reset. The log says so at once, and then once a minute with a count.
 */
export class Connections {
  readonly #limits: ConnectionLimits
  readonly #log: FailureLog
  readonly #slowReaders: SlowReaders | undefined
  readonly #ofClients = new Map<string, number>()
  #open = 0

  constructor(limits: ConnectionLimits, logger: Logger) {
    this.#limits = limits
    this.#log = new FailureLog(logger, () => performance.now())
    this.#slowReaders =
      limits.pace &&
      new SlowReaders(limits.pace, (socket) => {
        this.#log.failed('warn', 'client takes its response too slowly; connection closed', undefined)
        reset(socket)
      })
  }

  /** Has a server serve what is within the limits, and nothing else. Call it once, before the server listens. */
  guard(server: Server): void {
    const isTls = server instanceof TlsServer
    const serving = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      if (!this.#admits(socket)) return void socket.destroy()
      if (!isTls) this.#slowReaders?.watch(socket)
      for (const serve of serving) serve.call(server, socket)
    })
    if (isTls) server.on('secureConnection', (socket) => this.#slowReaders?.watch(socket))
  }

  #admits(socket: Socket): boolean {
    const { most } = this.#limits
    if (this.#open >= most) {
      this.#log.failed('warn', 'too many connections; closing new ones', undefined, { limit: most })
      return false
    }
    const client = this.#clientOf(socket)
    if (client !== undefined && !this.#admitsAnotherOf(client)) return false
    this.#open++
    socket.once('close', () => this.#closed(client))
    return true
  }

  /** Whose connections a connection counts as one of; `undefined`: it is not counted. */
  #clientOf(socket: Socket): string | undefined {
    if (this.#limits.mostOfClient === Number.POSITIVE_INFINITY) return undefined
    return networkOf(peerOf(socket))
  }

  #admitsAnotherOf(client: string): boolean {
    const { mostOfClient: limit } = this.#limits
    const open = this.#ofClients.get(client) ?? 0
    if (open < limit) {
      this.#ofClients.set(client, open + 1)
      return true
    }
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
