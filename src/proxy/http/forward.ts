import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Dispatcher } from 'undici'
import { closeAfterResponse, hasBody, isBodyPending, markLastRequest } from '../client-connection.js'
import { responseHeaders } from '../headers.js'
import type { Transfer, TransferHooks, UpstreamFailure, UpstreamRequest } from '../transfer.js'
import { type BodyPace, RequestBody } from './request-body.js'

/** How requests are forwarded, whichever they are. */
export interface ForwardOptions {
  readonly client: Dispatcher
  /** Bytes that a request's body may have; Infinity: no limit. */
  readonly maxBodyBytes: number
  /** How fast a request's body must arrive; absent: no limit. */
  readonly bodyPace?: BodyPace | undefined
  /** Milliseconds for which a client may read nothing of a response; 0 or absent: no limit. */
  readonly clientTimeout?: number | undefined
}

/**
 * Sends a client's request to an upstream and streams the response back, each side at the pace of the other.
 * A client that leaves aborts the upstream's request; an upstream that fails in the middle of a body resets the client.
 */
export function forward(
  upstream: UpstreamRequest,
  req: IncomingMessage,
  res: ServerResponse,
  hooks: TransferHooks,
  options: ForwardOptions,
): Transfer {
  const transfer = new HttpTransfer(upstream, req, res, hooks, options)
  transfer.send()
  return transfer
}

/** Methods that may be sent again if no part of a response has arrived (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

class HttpTransfer implements Transfer, Dispatcher.DispatchHandler {
  readonly #upstream: UpstreamRequest
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #hooks: TransferHooks
  readonly #options: ForwardOptions
  readonly #hasBody: boolean
  #controller: Dispatcher.DispatchController | undefined
  #body: RequestBody | undefined
  #stalled: NodeJS.Timeout | undefined
  #aborted: { reason: Error; failure: UpstreamFailure } | undefined
  #target = 0
  #retried = false
  #over = false

  constructor(
    upstream: UpstreamRequest,
    req: IncomingMessage,
    res: ServerResponse,
    hooks: TransferHooks,
    options: ForwardOptions,
  ) {
    this.#upstream = upstream
    this.#req = req
    this.#res = res
    this.#hooks = hooks
    this.#options = options
    this.#hasBody = hasBody(req)
    res.on('close', () => this.#clientLeft())
  }

  send(): void {
    const { targets, headers, timeout = null } = this.#upstream
    const { origin, path } = targets[this.#target] ?? targets[0]
    try {
      this.#options.client.dispatch(
        {
          origin,
          path,
          method: this.#req.method as Dispatcher.HttpMethod,
          headers,
          body: this.#hasBody ? this.#requestBody() : null,
          headersTimeout: timeout, // null: the client's own
          bodyTimeout: timeout,
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
      this.#aborted = { reason: new Error('refused before sending'), failure: 'refused' }
    }
    if (this.#aborted !== undefined) controller.abort(this.#aborted.reason)
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _: unknown, message?: string): void {
    if (status < 200 || !this.#mayGoOn()) return // informational: ours to answer, not the upstream's
    if (this.#hasBody && isBodyPending(this.#req)) {
      // The connection closes unless the rest of the body arrives first, which nobody can tell yet.
      this.#res.shouldKeepAlive = false
      markLastRequest(this.#req.socket)
    }
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
    if (this.#hasBody && isBodyPending(this.#req)) closeAfterResponse(this.#req, this.#res)
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

  /** An idle connection that the upstream closed just as we wrote to it says nothing about the request. */
  #mayRetry(error: Error): boolean {
    const code = codeOf(error)
    const stale = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
    if (this.#retried || !stale || this.#hasBody || !this.#isRepeatable()) return false
    this.#retried = true
    return true
  }

  /** An upstream that cannot be reached has not seen the request: it may go to the next one, whatever its method. */
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

  /** One for each attempt: the last one may have been destroyed with the connection that failed. */
  #requestBody(): RequestBody {
    const { maxBodyBytes: maxBytes, bodyPace: pace } = this.#options
    this.#body?.destroy()
    this.#body = new RequestBody(
      this.#req,
      { maxBytes, pace },
      {
        mayGoOn: () => this.#mayGoOn(),
        failed: (failure, reason) => this.#stop(failure, reason),
      },
    )
    return this.#body
  }

  /** Limits how long the client reads nothing. The connection's own time-out restarts with every byte that it sends. */
  #awaitClient(): void {
    const { clientTimeout = 0 } = this.#options
    if (clientTimeout === 0) return
    // While it waits behind earlier responses of the connection there is nothing that the client could read.
    const inTurn = this.#res.socket !== null
    clearTimeout(this.#stalled)
    this.#stalled = setTimeout(() => {
      if (inTurn) this.#stop('client-left', new Error('the client does not read the response'))
      else this.#awaitClient()
    }, clientTimeout)
  }

  #mayGoOn(): boolean {
    const goesOn = this.#hooks.mayGoOn()
    if (!goesOn) this.#stop('refused', new Error('refused in transit'))
    return goesOn
  }

  #stop(failure: UpstreamFailure, reason: Error): void {
    if (this.#over || this.#aborted !== undefined) return
    this.#aborted = { reason, failure }
    // Without a controller the request waits for a connection: onRequestStart will abort it.
    this.#controller?.abort(reason)
    if (this.#controller === undefined) this.#fail(failure, reason)
  }

  #fail(failure: UpstreamFailure, cause: unknown): void {
    if (this.#over) return
    this.#body?.destroy()
    const answered = this.#res.headersSent
    if (!answered) this.#res.statusMessage = '' // the upstream's may be what could not be written
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

/** The upstream's, if it can stand in a status line; bytes beyond ASCII have no known encoding. */
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
