import type { Server } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import type { Http2Connections } from './http2.js'

/** How a listener closes: it accepts no more, and each connection ends with the requests that it has. */
export class Draining {
  readonly #server: Server
  readonly #upgraded: { closeAll(): void }
  readonly #http2: Http2Connections | undefined
  /** All that are open: those whose TLS handshake or PROXY header is not over are nobody's yet. */
  readonly #sockets = new Set<Socket>()
  #hasBegun = false
  /** Connections without a request stay for now. */
  #keepsIdle = false

  constructor(server: Server, upgraded: { closeAll(): void }, http2: Http2Connections | undefined) {
    this.#server = server
    this.#upgraded = upgraded
    this.#http2 = http2
  }

  /** Call it once, before the server listens and after everybody else who takes `connection` for himself. */
  watch(): void {
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** Whether each connection ends with its next response. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** To be called after each response: it may have left its connection idle. */
  responseOver(): void {
    if (this.#hasBegun && !this.#keepsIdle) setImmediate(() => this.#server.closeIdleConnections())
  }

  /** As {@link Listener.close}. */
  begin(timeout: number, idle: number): Promise<void> {
    this.#hasBegun = true
    this.#keepsIdle = idle > 0
    return new Promise((resolve) => {
      const endIdle = setTimeout(() => {
        this.#keepsIdle = false
        this.#server.closeIdleConnections()
      }, idle)
      const force = setTimeout(() => this.#destroyAll(), timeout)
      const closed = () => {
        clearTimeout(force)
        clearTimeout(endIdle)
        resolve()
      }
      // HTTP's own `close` closes idle connections, too.
      if (this.#keepsIdle) NetServer.prototype.close.call(this.#server, closed)
      else this.#server.close(closed)
      this.#http2?.drain()
    })
  }

  #destroyAll(): void {
    this.#server.closeAllConnections()
    this.#upgraded.closeAll()
    this.#http2?.destroy()
    for (const socket of this.#sockets) socket.destroy()
  }
}
