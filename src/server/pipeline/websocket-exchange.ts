import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  forwardWebSocket,
  type UpstreamFailure,
  type UpstreamRequest,
  type WebSocketTransfer,
  writeResponse,
} from '../../proxy/index.js'
import { EarlyFrames } from './early-frames.js'
import { Exchange } from './exchange.js'
import type { ExchangeContext, ListenerRole } from './exchange-context.js'

/** A request for a WebSocket: answered on its bare socket, which is closed then, or joined with an upstream. */
export class WebSocketExchange extends Exchange {
  readonly isWebSocket = true
  readonly body: IncomingMessage
  readonly connection: Duplex
  readonly #early: EarlyFrames
  #transfer: WebSocketTransfer | undefined
  #answered = false
  /** What the connection had sent before. */
  readonly #sentBefore: number

  /** @param head what the client sent after the request */
  constructor(context: ExchangeContext, req: IncomingMessage, socket: Duplex, head: Buffer, role: ListenerRole) {
    super(context, req, role)
    this.body = req
    this.connection = socket
    this.#early = new EarlyFrames(socket, head, () => socket.destroy())
    this.#sentBefore = bytesWritten(socket)
  }

  protected get bytesSent(): number {
    return bytesWritten(this.connection) - this.#sentBefore
  }

  /** It has none. */
  askForBody(): void {}

  respond(status: number, headers: readonly string[], body: string | Buffer): void {
    if (this.#answered) return
    this.#answered = true
    this.#early.take()
    writeResponse(this.connection, status, this.answerHeaders(headers), this.req.method === 'HEAD' ? '' : body)
  }

  protected transfer(upstream: UpstreamRequest): WebSocketTransfer {
    const { webSocket, openWebSockets } = this.context
    this.#answered = true // the transfer owns the socket, unless it fails unanswered
    const transfer = forwardWebSocket(upstream, this.body, this.connection, this.#early.take(), this, webSocket)
    this.#transfer = transfer
    openWebSockets.add(transfer)
    return transfer
  }

  override failed(failure: UpstreamFailure, answered: boolean, cause: unknown): void {
    this.#answered = answered
    super.failed(failure, answered, cause)
    if (failure === 'client-left' && !answered) this.connection.destroy() // it may have closed its side only
  }

  override ended(): void {
    if (this.#transfer !== undefined) this.context.openWebSockets.remove(this.#transfer)
    super.ended()
  }
}

function bytesWritten(connection: Duplex): number {
  return 'bytesWritten' in connection && typeof connection.bytesWritten === 'number' ? connection.bytesWritten : 0
}

/** The WebSockets of a gateway, so that they can be closed with 1001 when it stops. */
export class OpenWebSockets {
  readonly #open = new Set<WebSocketTransfer>()
  #stopping = false

  add(transfer: WebSocketTransfer): void {
    this.#open.add(transfer)
    if (this.#stopping) transfer.goAway()
  }

  remove(transfer: WebSocketTransfer): void {
    this.#open.delete(transfer)
  }

  /** Sends each of them, and each that is added later, a Close frame with code 1001. */
  goAway(): void {
    this.#stopping = true
    for (const transfer of [...this.#open]) transfer.goAway()
  }
}
