import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import type { ClientStream } from '../client-stream.js'
import { isChunked, withoutLength } from '../headers.js'
import type {
  Transfer,
  TransferHooks,
  TransferParts,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamTarget,
} from '../transfer.js'
import { type BodyPace, expectsBody, RequestBody } from './request-body.js'
import { rawHeadersOf } from './response-head.js'
import { acceptsTrailers, announceTrailers, passedTrailers } from './trailers.js'
import { ANSWER_DROPPED, isConnectionLost, isIdempotent, isLengthMismatch, isTimeout } from './upstream-errors.js'

/** How requests are forwarded, whichever they are. */
export interface ForwardOptions {
  readonly client: Dispatcher
  /** Bytes that a request's body may have; Infinity: no limit. */
  readonly maxBodyBytes: number
  /** How fast a request's body must arrive; absent: no limit. */
  readonly bodyPace?: BodyPace | undefined
  /** Milliseconds that a request's body may take in all; absent: no limit. */
  readonly bodyTimeout?: number | undefined
}

/**
 * Sends a client's request to an upstream and streams the response back, each side at the pace of the other.
 * A client that leaves aborts the upstream's request; an upstream that fails in the middle of a body resets the client.
 */
export function forward(
  upstream: UpstreamRequest,
  client: ClientStream,
  hooks: TransferHooks,
  options: ForwardOptions,
): Transfer {
  const transfer = new HttpTransfer({ upstream, client, hooks, options })
  transfer.send()
  return transfer
}

interface HttpTransferParts extends TransferParts<ForwardOptions> {
  readonly client: ClientStream
}

class HttpTransfer implements Transfer, Dispatcher.DispatchHandler {
  readonly #upstream: UpstreamRequest
  readonly #client: ClientStream
  readonly #hooks: TransferHooks
  readonly #options: ForwardOptions
  readonly #hasBody: boolean
  readonly #takesTrailers: boolean
  #controller: Dispatcher.DispatchController | undefined
  #body: RequestBody | undefined
  #aborted: { reason: Error; failure: UpstreamFailure } | undefined
  #isBodiless = false
  #target: UpstreamTarget
  /** Where the request goes instead of the answer being passed on. */
  #next: UpstreamTarget | undefined
  #resend: NodeJS.Timeout | undefined
  #retried = false
  #over = false

  constructor({ upstream, client, hooks, options }: HttpTransferParts) {
    this.#upstream = upstream
    this.#target = upstream.target
    this.#client = client
    this.#hooks = hooks
    this.#options = options
    this.#hasBody = client.hasBody
    this.#takesTrailers = acceptsTrailers(client.req)
    if (this.#takesTrailers) upstream.headers.push('TE', 'trailers')
    client.onLeft(() => this.#clientLeft())
  }

  send(): void {
    const { headers, timeout = null } = this.#upstream
    const { origin, path } = this.#target
    if (this.#client.isGone) return this.#clientLeft()
    try {
      const options: Dispatcher.DispatchOptions = {
        origin,
        path,
        method: this.#client.req.method as Dispatcher.HttpMethod,
        headers,
        body: this.#hasBody ? this.#requestBody() : null,
        headersTimeout: timeout, // null: the client's own
        bodyTimeout: timeout,
      }
      // An upstream that expects no body may read it as the next request.
      if (this.#hasBody && !expectsBody(this.#client.req.method)) options.reset = true
      this.#options.client.dispatch(options, this)
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
    else if (this.#hasBody) this.#client.askForBody()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    { 'transfer-encoding': coding, trailer }: IncomingHttpHeaders,
    message?: string,
  ): void {
    if (!this.#mayGoOn()) return
    if (status < 200) return this.#inform(status, rawHeadersOf(controller, [], this.#upstream.ownCors))
    // Not one of HTTP's (RFC 9110 §15), and HTTP/2 could not pass it on.
    if (status > 599) return this.#stop('unreachable', new Error('invalid status'))
    if (coding !== undefined && !isChunked(coding)) {
      return this.#stop('unreachable', new Error('unsupported transfer coding'))
    }
    const { responseHeaders: added, ownCors, tries } = this.#upstream
    this.#next = tries?.answered(status, this.#mayRepeat())
    if (this.#next !== undefined) return controller.abort(ANSWER_DROPPED)
    this.#hooks.answered?.(status)
    this.#isBodiless = status === 204 || status === 304
    const headers = rawHeadersOf(controller, added, ownCors)
    // A 204 must not have a length (RFC 9110 §8.6): a client that trusts it waits for bytes of the next response. A 205 has
    // no content either (§15.3.6), and Node sends none over HTTP/2.
    if (status === 204 || status === 205) return this.#client.begin(status, message, withoutLength(headers))
    const mayTrail = this.#takesTrailers && coding !== undefined && this.#client.req.method !== 'HEAD'
    if (mayTrail) announceTrailers(trailer, headers)
    this.#client.begin(status, message, headers, mayTrail && !this.#isBodiless)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#mayGoOn() || chunk.length === 0) return // undici reads an empty one where a response was resumed
    const isTaken = this.#client.write(
      chunk,
      () => controller.resume(),
      () => this.#stop('client-left', new Error('the client does not read the response')),
    )
    if (!isTaken) controller.pause()
  }

  #inform(status: number, headers: string[]): void {
    // Nobody asked for another protocol.
    if (status === 101) this.#stop('unreachable', new Error('the upstream switched to another protocol'))
    else this.#client.inform(status, withoutLength(headers))
  }

  onResponseEnd(controller?: Dispatcher.DispatchController): void {
    if (this.#client.isHeld && !this.#hooks.mayGoOn()) {
      return this.#fail('refused', new Error('refused in transit')) // too late to abort the upstream's request
    }
    // An upstream that answers before it has the whole body does not want the rest of it.
    this.#body?.destroy()
    this.#client.end(passedTrailers(controller?.rawTrailers))
    this.#end()
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#isBodiless && isLengthMismatch(error)) this.#endBodiless()
    else if (this.#aborted !== undefined) {
      this.#fail(this.#aborted.failure, this.#aborted.reason)
    } else if (this.#next === undefined && this.#mayRetry(error)) this.#sendTo(this.#target, 0)
    else {
      const next = this.#next ?? this.#nextTarget(error)
      if (next === undefined) return this.#fail(isTimeout(error) ? 'timeout' : 'unreachable', error)
      this.#retried = false
      this.#sendTo(next, this.#upstream.tries?.delay ?? 0)
    }
  }

  #sendTo(target: UpstreamTarget, delay: number): void {
    this.#target = target
    this.#next = undefined
    this.#controller = undefined
    if (delay === 0) this.send()
    else this.#resend = setTimeout(() => this.send(), delay)
  }

  /** A response that never has a body is whole, whatever length its headers name. */
  #endBodiless(): void {
    try {
      this.onResponseEnd()
    } catch (cause) {
      this.#fail('unreachable', cause)
    }
  }

  /** An idle connection that the upstream closed just as we wrote to it says nothing about the request. */
  #mayRetry(error: Error): boolean {
    if (this.#retried || this.#hasBody || !isConnectionLost(error) || !this.#mayRepeat()) return false
    this.#retried = true
    return true
  }

  /** An upstream that cannot be reached has not seen the request: it may go to the next one, whatever its method. */
  #nextTarget(error: Error): UpstreamTarget | undefined {
    if (this.#controller === undefined) return this.#upstream.tries?.failed('unsent', this.#maySend())
    return this.#upstream.tries?.failed(isTimeout(error) ? 'timeout' : 'lost', this.#mayRepeat())
  }

  /** Whether it can be sent: nothing of its body was read, and nothing of an answer was passed on. */
  #maySend(): boolean {
    const { body, isBegun } = this.#client
    return !isBegun && (!this.#hasBody || (!body.readableDidRead && !body.destroyed))
  }

  #mayRepeat(): boolean {
    return this.#maySend() && isIdempotent(this.#client.req.method)
  }

  /** One for each attempt: the last one may have been destroyed with the connection that failed. */
  #requestBody(): RequestBody {
    const { maxBodyBytes: maxBytes, bodyPace: pace, bodyTimeout: timeout } = this.#options
    this.#body?.destroy()
    this.#body = new RequestBody(
      this.#client,
      { maxBytes, pace, timeout },
      {
        mayBegin: () => this.#mayBegin(),
        mayGoOn: () => this.#mayGoOn(),
        failed: (failure, reason) => this.#stop(failure, reason),
      },
    )
    return this.#body
  }

  /** The connection was there when {@link onRequestStart} asked; the first byte leaves now. */
  #mayBegin(): boolean {
    if (!this.#mayGoOn()) return false
    if (this.#hooks.mayStart()) return true
    this.#stop('refused', new Error('refused before sending'))
    return false
  }

  #mayGoOn(): boolean {
    const goesOn = this.#hooks.mayGoOn()
    if (!goesOn) this.#stop('refused', new Error('refused in transit'))
    return goesOn
  }

  #clientLeft(): void {
    this.#stop('client-left', new Error('the client closed its connection'))
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
    const answered = this.#client.headersSent
    try {
      this.#hooks.failed(failure, answered, cause)
    } catch (error) {
      this.#client.reset()
      throw error
    } finally {
      if (answered) this.#client.reset()
      this.#end()
    }
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#resend)
    this.#upstream.tries?.ended()
    this.#client.release()
    this.#hooks.ended()
  }
}
