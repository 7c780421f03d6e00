import type { Duplex, Readable } from 'node:stream'
import { type ClientStream, forward, type Transfer, type UpstreamRequest } from '../../proxy/index.js'
import { Exchange } from './exchange.js'
import type { ExchangeContext, ListenerRole } from './exchange-context.js'

/** A request over HTTP, of whichever version, and the response that answers it. */
export class HttpExchange extends Exchange {
  readonly isWebSocket = false
  readonly #stream: ClientStream

  constructor(context: ExchangeContext, stream: ClientStream, role: ListenerRole) {
    super(context, stream.req, role)
    this.#stream = stream
  }

  get connection(): Duplex {
    return this.#stream.connection
  }

  get body(): Readable {
    return this.#stream.body
  }

  protected get bytesSent(): number {
    return this.#stream.bytesSent
  }

  askForBody(): void {
    this.#stream.askForBody()
  }

  respond(status: number, headers: readonly string[], body: string | Buffer): void {
    this.#stream.respond(status, this.answerHeaders(headers), body)
  }

  protected transfer(upstream: UpstreamRequest): Transfer {
    this.context.forwarded.begun()
    return forward(upstream, this.#stream, this, this.context.http)
  }

  override ended(): void {
    this.context.forwarded.ended()
    super.ended()
  }
}
