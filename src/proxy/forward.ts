import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Dispatcher } from 'undici'
import { closeBehind, isBodyPending } from './closing.js'
import { responseHeaders } from './headers.js'
import { type BodyFailure, type BodyPace, RequestBody } from './request-body.js'

/** Where a request goes. */
export interface UpstreamTarget {
  readonly origin: string
  /** Path and query, byte for byte as the upstream shall see them. */
  readonly path: string
}

/** One request as it goes to an upstream. */
export interface UpstreamRequest {
  /** In the order in which they are tried: the next one when one cannot be reached. */
  readonly targets: readonly [UpstreamTarget, ...UpstreamTarget[]]
  /** Name, value, name, value ...: what `requestHeaders` left. */
  readonly headers: string[]
  /** Bytes that the request's body may have; Infinity for no limit. */
  readonly maxBodyBytes: number
  /** How fast the request's body must come; absent: as slowly as it likes. */
  readonly bodyPace?: BodyPace | undefined
  /** Milliseconds for which a client may take nothing of the response; 0 or absent: as long as it likes. */
  readonly clientTimeout?: number | undefined
  /** Name, value, name, value ...: added to the response, in place of the upstream's headers of the same names. */
  readonly responseHeaders?: readonly string[]
  /** Whether the gateway speaks for the upstream on CORS: the upstream's own `access-control-*` headers are left out. */
  readonly ownCors?: boolean
  /** Milliseconds that an upstream may take to answer; the client's own limit if absent. */
  readonly timeout?: number | undefined
}

/** Why a forwarded request brought no response, or not a whole one. */
export type ForwardFailure = 'unreachable' | 'timeout' | 'refused' | BodyFailure

export interface ForwardHooks {
  /**
   * Asked in the same turn in which the request's first byte is written, again if the request waited for a connection
   * or is sent anew. False: it is not sent, and the failure is `refused`.
   */
  readonly mayStart: () => boolean
  /**
   * Asked before each part of the request's body and of the response. False: it does not go on, and the exchange is
   * ended as `refused` unless it has been.
   */
  readonly mayGoOn: () => boolean
  /** Called once if there is no whole response. If `answered` is false nothing was sent to the client: answer it. */
  readonly failed: (failure: ForwardFailure, answered: boolean, cause: unknown) => void
  /** Called once when the exchange is over, however it ended. */
  readonly ended: () => void
}

/** An exchange under way. */
export interface Exchange {
  /**
   * Ends it as `refused`: the upstream's request is aborted, and the client's connection reset if part of the response
   * has gone out, so that nobody takes it for the end.
   */
  abort(reason: Error): void
}

/**
 * Sends a client's request to an upstream and streams the response back, each side at the pace of the other.
 * A client that leaves aborts the upstream's request; an upstream that fails in the middle of a body resets the client.
 */
export function forward(
  client: Dispatcher,
  upstream: UpstreamRequest,
  req: IncomingMessage,
  res: ServerResponse,
  hooks: ForwardHooks,
): Exchange {
  const exchange = new UpstreamExchange(client, upstream, req, res, hooks)
  exchange.send()
  return exchange
}

/** Methods that may be sent again when nothing of an answer has come (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

class UpstreamExchange implements Exchange, Dispatcher.DispatchHandler {
  readonly #client: Dispatcher
  readonly #upstream: UpstreamRequest
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #hooks: ForwardHooks
  readonly #hasBody: boolean
  #controller: Dispatcher.DispatchController | undefined
  #body: RequestBody | undefined
  #stalled: NodeJS.Timeout | undefined
  #aborted: { reason: Error; failure: ForwardFailure } | undefined
  #target = 0
  #retried = false
  #over = false

  constructor(
    client: Dispatcher,
    upstream: UpstreamRequest,
    req: IncomingMessage,
    res: ServerResponse,
    hooks: ForwardHooks,
  ) {
    this.#client = client
    this.#upstream = upstream
    this.#req = req
    this.#res = res
    this.#hooks = hooks
    this.#hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0
    res.on('close', () => this.#clientLeft())
  }

  send(): void {
    const { targets, timeout } = this.#upstream
    const { origin, path } = targets[this.#target] ?? targets[0]
    try {
      this.#client.dispatch(
        {
          origin,
          path,
          method: this.#req.method as Dispatcher.HttpMethod,
          headers: this.#upstream.headers,
          body: this.#hasBody ? this.#requestBody() : null,
          ...(timeout === undefined ? {} : { headersTimeout: timeout, bodyTimeout: timeout }),
        },
        this,
      )
    } catch (cause) {
      this.#fail('unreachable', cause)
    }
  }

  abort(reason: Error): void {
    this.#stop('refused', reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted === undefined && !this.#hooks.mayStart()) {
      this.#aborted = { reason: new Error('refused before it was sent'), failure: 'refused' }
    }
    if (this.#aborted !== undefined) controller.abort(this.#aborted.reason)
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _: unknown, message?: string): void {
    if (status < 200 || !this.#mayGoOn()) return // informational: ours to answer, not the upstream's
    const raw = controller.rawHeaders
    this.#res.writeHead(
      status,
      reasonPhrase(status, message),
      Array.isArray(raw) ? responseHeaders(raw, this.#upstream.responseHeaders, this.#upstream.ownCors) : [],
    )
    if (this.#req.method === 'HEAD') this.#res.flushHeaders()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#mayGoOn() || this.#res.write(chunk)) return
    controller.pause()
    this.#awaitClient()
    this.#res.once('drain', () => {
      clearTimeout(this.#stalled)
      controller.resume()
    })
  }

  onResponseEnd(): void {
    // An upstream that answers before it has the whole body does not want the rest of it.
    this.#body?.destroy()
    if (this.#hasBody && isBodyPending(this.#req)) closeBehind(this.#req, this.#res)
    this.#res.end()
    this.#end()
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#aborted !== undefined) {
      this.#fail(this.#aborted.failure, this.#aborted.reason)
    } else if (this.#mayRetry(error) || this.#nextTarget(error)) {
      this.#controller = undefined
      this.send()
    } else {
      this.#fail(isTimeout(error) ? 'timeout' : 'unreachable', error)
    }
  }

  /** A kept connection that the upstream closed just as we wrote to it says nothing about the request. */
  #mayRetry(error: Error): boolean {
    const code = codeOf(error)
    const stale = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
    if (this.#retried || !stale || this.#hasBody || !this.#isRepeatable()) return false
    this.#retried = true
    return true
  }

  /** An upstream that cannot be reached has not seen the request: the next one may have it, whatever its method. */
  #nextTarget(error: Error): boolean {
    if (this.#target + 1 >= this.#upstream.targets.length || this.#res.headersSent) return false
    const unsent = this.#controller === undefined
    const untouched = !this.#hasBody || (!this.#req.readableDidRead && !this.#req.destroyed)
    if (!untouched || !(unsent || (this.#isRepeatable() && !isTimeout(error)))) return false
    this.#target++
    this.#retried = false
    return true
  }

  #isRepeatable(): boolean {
    return !this.#res.headersSent && IDEMPOTENT.has(this.#req.method ?? '')
  }

  #clientLeft(): void {
    if (!this.#res.writableFinished) this.#stop('client-left', new Error('the client closed its connection'))
  }

  /** One for each try: the last one may have been destroyed with the connection that did not come about. */
  #requestBody(): RequestBody {
    const { maxBodyBytes: maxBytes, bodyPace: pace } = this.#upstream
    this.#body?.destroy()
    const limits = { maxBytes, pace }
    this.#body = new RequestBody(this.#req, limits, {
      mayGoOn: () => this.#mayGoOn(),
      failed: (failure, reason) => this.#stop(failure, reason),
    })
    return this.#body
  }

  /** The connection's own time-out starts again with every byte that the client sends. */
  #awaitClient(): void {
    const { clientTimeout = 0 } = this.#upstream
    if (clientTimeout === 0) return
    // Until its turn has come, behind earlier ones of the connection, there is nothing that the client could take.
    const inTurn = this.#res.socket !== null
    clearTimeout(this.#stalled)
    this.#stalled = setTimeout(() => {
      if (inTurn) this.#stop('client-left', new Error('the client takes nothing of the response'))
      else this.#awaitClient()
    }, clientTimeout)
  }

  #mayGoOn(): boolean {
    const goesOn = this.#hooks.mayGoOn()
    if (!goesOn) this.#stop('refused', new Error('refused on its way'))
    return goesOn
  }

  #stop(failure: ForwardFailure, reason: Error): void {
    if (this.#over || this.#aborted !== undefined) return
    this.#aborted = { reason, failure }
    // Without a controller the request waits for a connection: onRequestStart will find it aborted.
    this.#controller?.abort(reason)
    if (this.#controller === undefined) this.#fail(failure, reason)
  }

  #fail(failure: ForwardFailure, cause: unknown): void {
    if (this.#over) return
    this.#body?.destroy()
    const answered = this.#res.headersSent
    if (!answered) this.#res.statusMessage = '' // an upstream's that could not be written must not spoil the next answer
    try {
      this.#hooks.failed(failure, answered, cause)
    } catch (error) {
      this.#res.destroy()
      throw error
    } finally {
      if (answered) this.#res.destroy()
      this.#end()
    }
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#stalled)
    this.#hooks.ended()
  }
}

/** An upstream's own, if it can stand in a status line; what its other bytes were meant to be nobody can tell. */
function reasonPhrase(status: number, given: string | undefined): string {
  return given !== undefined && VISIBLE.test(given) ? given : (STATUS_CODES[status] ?? '')
}

const VISIBLE = /^[\t -~]+$/

function codeOf(error: Error): unknown {
  return 'code' in error ? error.code : undefined
}

function isTimeout(error: Error): boolean {
  return TIMEOUTS.test(String(codeOf(error)))
}

const TIMEOUTS = /^(UND_ERR_(HEADERS|BODY|CONNECT)_TIMEOUT|ETIMEDOUT)$/
