import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Exchange, proxyUpgrade, writeResponse } from '../proxy/index.js'
import {
  answerHeaders,
  type ListenerRole,
  NO_HEADERS,
  type OutgoingRequest,
  type ReceivedRequest,
  type UpstreamFailure,
  type UpstreamHooks,
  type Upstreams,
} from './received-request.js'

/** A request for a WebSocket: answered on the bare socket, which is closed then, or joined with an upstream's. */
export class WebSocketRequest implements ReceivedRequest {
  readonly webSocket = true
  readonly req: IncomingMessage
  readonly role: ListenerRole
  readonly number: number
  cors = NO_HEADERS
  ownCors = false
  readonly #socket: Duplex
  readonly #server: string
  #head: Buffer
  #answered = false

  /** @param head what came behind the request */
  constructor(req: IncomingMessage, socket: Duplex, head: Buffer, role: ListenerRole, number: number, server: string) {
    this.req = req
    this.role = role
    this.number = number
    this.#socket = socket
    this.#head = head
    this.#server = server
  }

  respond(status: number, headers: readonly string[], body: string | Buffer): void {
    if (this.#answered) return
    this.#answered = true
    const whole = this.req.method === 'HEAD' ? '' : body
    writeResponse(this.#socket, status, answerHeaders(headers, this.#server), whole)
  }

  forward({ upgrade, webSockets }: Upstreams, upstream: OutgoingRequest, hooks: UpstreamHooks): Exchange {
    this.#answered = true // the exchange's to do, until it says that it failed to
    const options = { ...upgrade, answerTimeout: upstream.timeout ?? upgrade.answerTimeout }
    const upgradeHooks = {
      mayStart: () => hooks.mayStart(),
      mayGoOn: () => hooks.mayGoOn(),
      failed: (failure: UpstreamFailure, answered: boolean, cause: unknown) => {
        this.#answered = answered
        hooks.failed(failure, answered, cause)
      },
      ended: () => {
        webSockets.remove(exchange)
        hooks.ended()
      },
    }
    const exchange = proxyUpgrade(upstream, this.req, this.#socket, this.#head, upgradeHooks, options)
    this.#head = NOTHING // a WebSocket may stay for days
    webSockets.add(exchange)
    return exchange
  }
}

const NOTHING = Buffer.alloc(0)
