import type { IncomingMessage, ServerResponse } from 'node:http'
import { closeBehind, type Exchange, forward, isBodyPending } from '../proxy/index.js'
import {
  answerHeaders,
  type ListenerRole,
  NO_HEADERS,
  type OutgoingRequest,
  type ReceivedRequest,
  type UpstreamHooks,
  type Upstreams,
} from './received-request.js'

/** A request that is answered by a response. */
export class PlainRequest implements ReceivedRequest {
  readonly webSocket = false
  readonly req: IncomingMessage
  readonly role: ListenerRole
  readonly number: number
  cors = NO_HEADERS
  ownCors = false
  readonly #res: ServerResponse
  readonly #server: string

  /** @param server the `server` header of answers */
  constructor(req: IncomingMessage, res: ServerResponse, role: ListenerRole, number: number, server: string) {
    this.req = req
    this.role = role
    this.number = number
    this.#res = res
    this.#server = server
  }

  /**
   * A request whose body is still to come loses its connection afterwards: what follows on it cannot be told from the
   * rest of that body.
   */
  respond(status: number, headers: readonly string[], body: string | Buffer): void {
    const res = this.#res
    if (res.headersSent || res.destroyed) return
    const all = answerHeaders(headers, this.#server)
    if (isBodyPending(this.req)) {
      all.push('connection', 'close')
      closeBehind(this.req, res)
    }
    res.writeHead(status, all)
    res.end(this.req.method === 'HEAD' ? undefined : body)
  }

  forward(upstreams: Upstreams, upstream: OutgoingRequest, hooks: UpstreamHooks): Exchange {
    const { client, maxBodyBytes, bodyPace, clientTimeout } = upstreams
    const limits = { maxBodyBytes, bodyPace, clientTimeout }
    const request = { ...upstream, ...limits, responseHeaders: this.cors, ownCors: this.ownCors }
    return forward(client, request, this.req, this.#res, hooks)
  }
}
