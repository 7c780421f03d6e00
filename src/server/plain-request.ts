import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Exchange, forward } from '../proxy/index.js'
import {
  answerHeaders,
  type ListenerRole,
  NO_HEADERS,
  type OutgoingRequest,
  type ReceivedRequest,
  type UpstreamHooks,
  type Upstreams,
} from './received-request.js'
import { answerWhole } from './whole-answer.js'

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

  respond(status: number, headers: readonly string[], body: string | Buffer): void {
    if (this.#res.headersSent || this.#res.destroyed) return
    answerWhole(this.req, this.#res, status, answerHeaders(headers, this.#server), body)
  }

  forward(upstreams: Upstreams, upstream: OutgoingRequest, hooks: UpstreamHooks): Exchange {
    const { client, maxBodyBytes, bodyPace, clientTimeout } = upstreams
    const { cors: responseHeaders, ownCors } = this
    const request = { ...upstream, maxBodyBytes, bodyPace, clientTimeout, responseHeaders, ownCors }
    return forward(client, request, this.req, this.#res, hooks)
  }
}
