import type { Server, Socket } from 'node:net'
import { type TLSSocket, Server as TlsServer } from 'node:tls'
import { FailureLog, type Logger } from '../../logging/index.js'
import type { ListenerRefusals } from '../../metrics/index.js'
import { type AddressList, announceClient, ignoreError, peerAddress } from '../../proxy/index.js'
import { MAX_HEADER, readProxyHeader } from './proxy-header.js'

/** Milliseconds that a load balancer may take for a header, which it sends at once. */
const HEADER_TIMEOUT = 5_000

/**
 * Load balancers that say by the PROXY protocol whose connection they pass on. A connection of anybody else, or without a
 * header that can be read, is closed; the log says so at once, and then once a minute with a count.
 */
export class ProxyProtocol {
  readonly #trustedProxies: AddressList
  readonly #log: FailureLog
  readonly #timeout: number
  #refusals: ListenerRefusals | undefined

  constructor(trustedProxies: AddressList, logger: Logger, timeout = HEADER_TIMEOUT) {
    this.#trustedProxies = trustedProxies
    this.#log = new FailureLog(logger, () => performance.now())
    this.#timeout = timeout
  }

  /**
   * Has a server, TLS or not, read the header before anything else of a connection. Call it once, after everybody else who
   * takes `connection` for himself, and before the server listens.
   *
   * @param refusals counts what is closed; the same for all servers
   */
  guard(server: Server, refusals?: ListenerRefusals): void {
    this.#refusals = refusals
    const serving = server.listeners('connection')
    server.removeAllListeners('connection')
    /** A TLS socket does not tell which socket it has come from. */
    const clients = new Map<string, string>()
    server.on('connection', (socket: Socket) => {
      this.#read(socket, (address) => {
        if (address !== undefined) {
          announceClient(socket, address)
          const ends = endsOf(socket)
          clients.set(ends, address)
          socket.once('close', () => clients.delete(ends))
        }
        for (const serve of serving) serve.call(server, socket)
      })
    })
    if (!(server instanceof TlsServer)) return
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      const address = clients.get(endsOf(socket))
      if (address !== undefined) announceClient(socket, address)
    })
  }

  #read(socket: Socket, done: (address: string | undefined) => void): void {
    const proxy = peerAddress(socket)
    if (!this.#trustedProxies.has(proxy)) return this.#refuse(socket, 'connection not from trustedProxies; closed')
    let got = Buffer.alloc(0)
    const leave = () => {
      clearTimeout(deadline)
      socket.off('readable', read).off('error', ignoreError).off('close', leave)
    }
    const refuse = (text: string) => {
      leave()
      this.#refuse(socket, text)
    }
    const deadline = setTimeout(refuse, this.#timeout, 'no PROXY protocol header in time; connection closed')
    const read = () => {
      for (let part = socket.read(); part !== null; part = socket.read()) {
        got = Buffer.concat([got, part as Buffer])
        const header = readProxyHeader(got)
        if (header.kind === 'malformed') return refuse('malformed PROXY protocol header; connection closed')
        if (header.kind === 'incomplete') {
          if (got.length > MAX_HEADER) return refuse('malformed PROXY protocol header; connection closed')
          continue
        }
        leave()
        if (got.length > header.length) socket.unshift(got.subarray(header.length))
        return done(header.address)
      }
    }
    socket.on('readable', read).on('error', ignoreError).on('close', leave)
  }

  #refuse(socket: Socket, text: string): void {
    this.#refusals?.count('proxy-protocol')
    this.#log.failed('warn', text, undefined, { from: peerAddress(socket) })
    socket.on('error', ignoreError).destroy()
  }
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
