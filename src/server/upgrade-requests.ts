import { IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { responseUnderWay } from '../proxy/index.js'

/** Gets a request for a WebSocket, its socket, and what came behind the request. The socket is its own to close. */
export type UpgradeListener = (req: IncomingMessage, socket: Duplex, head: Buffer) => void

const ASKS = Symbol('asks for an upgrade')

/**
 * A request that Node's server takes for an upgrade only if it asks for a WebSocket. Once a server listens to `upgrade`,
 * Node (before 24.9, which has `shouldUpgradeCallback`) gives it every request with an `Upgrade` header, unread body and
 * all; but a server may ignore that header (RFC 9110 §7.8), and clients that would like HTTP/2 send `Upgrade: h2c` with
 * plain requests.
 */
export class ServedRequest extends IncomingMessage {
  declare private [ASKS]: boolean

  get upgrade(): boolean {
    return this[ASKS] && (this.method === 'CONNECT' || namesWebSocket(this.headers.upgrade))
  }

  /**
   * Whether it asks for another protocol, and is served as a plain request. Node's parser reads nothing more of the packet
   * that it ends in, and takes the next packet for a request, which may be the middle of one: it must be the last.
   */
  get declinesUpgrade(): boolean {
    return this[ASKS] && !this.upgrade
  }

  /** Node's parser says whether there is an `Upgrade` header that `Connection` lists, or the method is CONNECT. */
  set upgrade(asks: boolean | null) {
    this[ASKS] = asks === true
  }
}

/** Whether WebSocket is among the protocols that an `Upgrade` header names. */
function namesWebSocket(header: string | undefined): boolean {
  return header?.split(',').some((name) => name.trim().toLowerCase() === 'websocket') ?? false
}

/**
 * Gives a server's requests for WebSockets to `listener`. Node's server lets go of their sockets: its time-outs, and
 * `closeAllConnections`, do not touch them any more. `closeAll` of what is returned does.
 */
export function onUpgrade(server: Server, listener: UpgradeListener): { closeAll(): void } {
  const open = new Set<Duplex>()
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', ignore)
    // Behind another request whose answer is still to come: that answer would end up among this one's bytes.
    if (responseUnderWay(socket) !== undefined) {
      socket.destroy()
      return
    }
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    listener(req, socket, head)
  })
  return {
    closeAll() {
      for (const socket of open) socket.destroy()
    },
  }
}

function ignore(): void {}
