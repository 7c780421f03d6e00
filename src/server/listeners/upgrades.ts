import { IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { currentResponse } from '../../proxy/index.js'

/** Takes a request for a WebSocket, its socket, and what the client sent after the request. It must close the socket. */
export type UpgradeListener = (req: IncomingMessage, socket: Duplex, head: Buffer) => void

const ASKS = Symbol('asks for an upgrade')

/**
 * A request that Node's server treats as an upgrade only if it asks for a WebSocket. Once a server listens to `upgrade`,
 * Node (before 24.9, which has `shouldUpgradeCallback`) emits it for every request with an `Upgrade` header, its body
 * unread; but a server may ignore that header (RFC 9110 §7.8), and clients that prefer HTTP/2 send `Upgrade: h2c` with
 * ordinary requests.
 */
export class ServedRequest extends IncomingMessage {
  declare private [ASKS]: boolean

  get upgrade(): boolean {
    return this[ASKS] && (this.method === 'CONNECT' || namesWebSocket(this.headers.upgrade))
  }

  /**
   * Whether it asks for another protocol, and is served over HTTP. It must be the connection's last request: Node's parser
   * drops the rest of the packet that it ends in, and reads the next packet, perhaps the middle of a request, as one.
   */
  get declinesUpgrade(): boolean {
    return this[ASKS] && !this.upgrade
  }

  /** Set by Node's parser: `Connection` lists `Upgrade` and there is such a header, or the method is CONNECT. */
  set upgrade(asks: boolean | null) {
    this[ASKS] = asks === true
  }
}

/** Whether WebSocket is among the protocols that an `Upgrade` header names. */
function namesWebSocket(header: string | undefined): boolean {
  return header?.split(',').some((name) => name.trim().toLowerCase() === 'websocket') ?? false
}

/**
 * Passes a server's requests for WebSockets to `listener`. Node's server releases their sockets: neither its time-outs nor
 * `closeAllConnections` apply to them any more; the returned `closeAll` does, and `has` knows them while they are open.
 */
export function onUpgrade(
  server: Server,
  listener: UpgradeListener,
): { has(socket: Duplex): boolean; closeAll(): void } {
  const open = new Set<Duplex>()
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', ignore)
    // It follows a request whose answer is still to come: that answer would be written into the WebSocket.
    if (currentResponse(socket) !== undefined) {
      socket.destroy()
      return
    }
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    listener(req, socket, head)
  })
  return {
    has: (socket) => open.has(socket),
    closeAll() {
      for (const socket of open) socket.destroy()
    },
  }
}

function ignore(): void {}
