import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { ignoreError } from '../client-connection.js'
import type {
  Transfer,
  TransferHooks,
  TransferParts,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamTarget,
} from '../transfer.js'
import { WebSocketAttempt } from './attempt.js'

/** How WebSockets are forwarded, whichever they are. Times in milliseconds. */
export interface WebSocketOptions {
  /** For upstreams over TLS: `ca`, `cert`, `key`, `minVersion` ... */
  readonly tls: ConnectionOptions
  /** Until the connection is established. */
  readonly connectTimeout: number
  /** Until the upstream answers, unless the request has a `timeout` of its own; 0: no limit. */
  readonly answerTimeout: number
  /** Without a byte in either direction, once it is open; 0: no limit. */
  readonly idleTimeout: number
}

/** A WebSocket, or a request for one. */
export interface WebSocketTransfer extends Transfer {
  /** Ends it as `refused`: with Close 1008 if a frame boundary is reached within 100 ms, else with a reset. */
  abort(reason: Error): void
  /** The same when the gateway stops: Close 1001, and no failure once it is open. */
  goAway(): void
}

/**
 * Joins a client that asks for a WebSocket with an upstream, each side at the pace of the other. An answer other than 101
 * is forwarded, up to 64 KiB of it, and the connection closed. An end of either side is forwarded as an end, a reset as a
 * reset. `socket` and `head` are those of Node's `upgrade` event; the transfer owns the socket until it fails unanswered.
 */
export function forwardWebSocket(
  upstream: UpstreamRequest,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  hooks: TransferHooks,
  options: WebSocketOptions,
): WebSocketTransfer {
  const transfer = new WebSocketFailover({ upstream, socket, isWebSocket: isWebSocketUpgrade(req), hooks, options })
  transfer.start(head)
  return transfer
}

/** Whether a request asks for a WebSocket and nothing else, and has no body (RFC 6455 §4.1). */
export function isWebSocketUpgrade(req: IncomingMessage): boolean {
  const { headers } = req
  return (
    req.method === 'GET' &&
    req.httpVersion === '1.1' &&
    headers.upgrade?.trim().toLowerCase() === 'websocket' &&
    headers['sec-websocket-key'] !== undefined &&
    headers['transfer-encoding'] === undefined &&
    Number(headers['content-length'] ?? 0) === 0
  )
}

/** What a WebSocket, or a request for one, is made of. */
export interface WebSocketParts extends TransferParts<WebSocketOptions> {
  /** The client's. */
  readonly socket: Duplex
  /** Whether the request asks for a WebSocket and nothing else. */
  readonly isWebSocket: boolean
}

/** Tries one upstream after another until one answers. */
class WebSocketFailover implements WebSocketTransfer, TransferHooks {
  readonly #parts: WebSocketParts
  #attempt: WebSocketAttempt | undefined
  #target: UpstreamTarget
  #sent = false
  #tryNext = false
  #stopping = false

  constructor(parts: WebSocketParts) {
    this.#parts = parts
    this.#target = parts.upstream.target
    parts.socket.on('error', ignoreError)
  }

  /** @param head what the client sent after its request */
  start(head: Buffer): void {
    this.#sent = false
    this.#attempt = new WebSocketAttempt({ ...this.#parts, target: this.#target, hooks: this }, head)
    this.#attempt.start()
  }

  abort(reason: Error): void {
    this.#attempt?.abort(reason)
  }

  goAway(): void {
    this.#stopping = true
    this.#attempt?.goAway()
  }

  mayStart(): boolean {
    this.#sent = true
    return this.#parts.hooks.mayStart()
  }

  answered(status: number): void {
    this.#parts.hooks.answered?.(status)
  }

  mayGoOn(): boolean {
    return this.#parts.hooks.mayGoOn()
  }

  failed(failure: UpstreamFailure, answered: boolean, cause: unknown): void {
    const next = answered || this.#stopping ? undefined : this.#nextTarget(failure)
    this.#tryNext = next !== undefined
    if (next !== undefined) this.#target = next
    if (!this.#tryNext) this.#parts.hooks.failed(failure, answered, cause)
  }

  ended(): void {
    if (!this.#tryNext) {
      this.#parts.upstream.tries?.ended()
      return this.#parts.hooks.ended()
    }
    this.#tryNext = false
    this.start(Buffer.alloc(0)) // the last attempt put back on the socket what it had been given
  }

  /** As over HTTP: a GET may be repeated. */
  #nextTarget(failure: UpstreamFailure): UpstreamTarget | undefined {
    if (failure !== 'unreachable' && failure !== 'timeout') return undefined
    const lost = failure === 'timeout' ? 'timeout' : 'lost'
    return this.#parts.upstream.tries?.failed(this.#sent ? lost : 'unsent', true)
  }
}
