import type { IncomingMessage, ServerResponse } from 'node:http'
import { forward, type Transfer, type UpstreamRequest } from '../../proxy/index.js'
import { answerWhole } from '../listeners/whole-answer.js'
import { Exchange, type ExchangeContext, type ListenerRole } from './exchange.js'

/** A request over HTTP, and the response that answers it. */
export class HttpExchange extends Exchange {
  readonly isWebSocket = false
  readonly #res: ServerResponse

  constructor(context: ExchangeContext, req: IncomingMessage, res: ServerResponse, role: ListenerRole, number: number) {
    super(context, req, role, number)
    this.#res = res
  }

  respond(status: number, headers: readonly string[], body: string | Buffer): void {
    if (this.#res.headersSent || this.#res.destroyed) return
    answerWhole(this.req, this.#res, status, this.answerHeaders(headers), body)
  }

  protected transfer(upstream: UpstreamRequest): Transfer {
    return forward(upstream, this.req, this.#res, this, this.context.http)
  }
}
