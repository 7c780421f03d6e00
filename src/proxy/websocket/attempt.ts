import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { finishWithin, reset, writeResponse } from '../client-connection.js'
import { responseHeaders, withoutLength } from '../headers.js'
import type { UpstreamFailure, UpstreamTarget } from '../transfer.js'
import { ClientSide } from './client-side.js'
import type { WebSocketParts, WebSocketTransfer } from './forward.js'
import { connectUpstream, type HandshakeHooks, readOrigin, sendHandshake, switchedHeaders } from './handshake.js'

/** Bytes of an answer other than 101; a larger one is a failure. */
const MAX_ANSWER_BYTES = 65_536
const LEFT = 'the client closed its connection'
/** WebSocket close codes (RFC 6455 §7.4.1). */
const GOING_AWAY = 1001
const POLICY_VIOLATION = 1008

interface AttemptParts extends WebSocketParts {
  readonly target: UpstreamTarget
}

/** One WebSocket at one upstream, from the handshake until both connections are closed; see `forwardWebSocket`. */
export class WebSocketAttempt implements WebSocketTransfer {
  readonly #parts: AttemptParts
  readonly #client: ClientSide
  readonly #clientEnded = () => this.#leftEarly()
  #upstream: Socket | undefined
  #open = false
  #told = false
  #over = false
  #deadline: NodeJS.Timeout | undefined

  /** @param head what the client sent after its request */
  constructor(parts: AttemptParts, head: Buffer) {
    this.#parts = parts
    this.#client = new ClientSide(parts.socket, head, () => this.#mayGoOn())
    this.#client.on('close', () => this.#clientClosed())
    parts.socket.once('end', this.#clientEnded)
  }

  start(): void {
    const { socket } = this.#parts
    if (socket.destroyed || socket.readableEnded) return this.#defer('client-left', new Error(LEFT))
    if (!this.#parts.isWebSocket)
      return this.#defer('not-websocket', new Error('the request asks for another protocol'))
    try {
      const url = readOrigin(this.#parts.target.origin)
      const upstream = connectUpstream(url, this.#parts.options.tls, () => this.#handshake(upstream, url.host))
      this.#upstream = upstream
      upstream.on('error', (error) => this.#upstreamFailed(error))
      upstream.on('close', () => this.#upstreamClosed(upstream))
      this.#expire(this.#parts.options.connectTimeout, 'connecting took too long')
    } catch (cause) {
      this.#defer('unreachable', cause)
    }
  }

  abort(reason: Error): void {
    if (this.#open) this.#close(POLICY_VIOLATION, 'refused', reason)
    else this.#fail('refused', reason)
  }

  goAway(): void {
    if (this.#open) this.#closeClient(GOING_AWAY)
    else this.#fail('unreachable', new Error('gateway stopping'))
  }

  #handshake(upstream: Socket, host: string): void {
    if (this.#over) return
    const { headers, timeout = this.#parts.options.answerTimeout } = this.#parts.upstream
    this.#expire(timeout, 'the answer took too long')
    const hooks: HandshakeHooks = {
      starting: () => this.#starting(),
      switched: (response) => this.#switched(response),
      open: () => this.#opened(upstream),
      answered: (response) => this.#answer(response),
      failed: (error) => this.#upstreamFailed(error),
    }
    try {
      sendHandshake({ host, path: this.#parts.target.path, headers }, upstream, this.#client, hooks)
    } catch (cause) {
      this.#fail('unreachable', cause)
    }
  }

  #starting(): void {
    if (this.#over) return
    try {
      if (!this.#parts.hooks.mayStart()) this.#fail('refused', new Error('refused before sending'))
    } catch (cause) {
      this.#fail('refused', cause)
    }
  }

  #mayGoOn(): boolean {
    const goesOn = this.#parts.hooks.mayGoOn()
    if (!goesOn) this.abort(new Error('refused in transit'))
    return goesOn
  }

  #switched(response: IncomingMessage): void {
    if (this.#over || !this.#mayGoOn()) return
    if (response.headers.upgrade?.toLowerCase() !== 'websocket') {
      return this.#fail('unreachable', new Error('the upstream switched to another protocol'))
    }
    response.headers = switchedHeaders(response.rawHeaders)
    clearTimeout(this.#deadline)
    this.#open = true
    this.#parts.upstream.tries?.answered(101, false)
  }

  #opened(upstream: Socket): void {
    this.#parts.hooks.answered?.(101)
    upstream.setTimeout(this.#parts.options.idleTimeout, () => {
      this.#close(GOING_AWAY, 'timeout', new Error('no traffic'))
    })
  }

  /** An answer other than 101: read whole first, so that a truncated one is not forwarded. */
  #answer(response: IncomingMessage): void {
    const status = response.statusCode ?? 0
    if (status < 200) return this.#fail('unreachable', new Error('the upstream sent an informational response only'))
    const chunks: Buffer[] = []
    let length = 0
    response.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > MAX_ANSWER_BYTES) this.#fail('unreachable', new Error('the answer is too large'))
      else chunks.push(chunk)
    })
    response.on('error', (error) => this.#fail('unreachable', error))
    response.on('end', () => {
      if (this.#over || !this.#mayGoOn()) return
      this.#parts.upstream.tries?.answered(status, false)
      const headers = withoutLength(responseHeaders(response.rawHeaders))
      this.#giveUp()
      try {
        writeResponse(this.#parts.socket, status, headers, Buffer.concat(chunks))
        this.#parts.hooks.answered?.(status)
      } catch (cause) {
        this.#parts.hooks.failed('unreachable', false, cause) // nothing was written yet
      } finally {
        this.#parts.hooks.ended()
      }
    })
  }

  #close(code: number, failure: UpstreamFailure, cause: unknown): void {
    if (this.#told || this.#over) return
    this.#tell(failure, cause)
    this.#closeClient(code)
  }

  #closeClient(code: number): void {
    this.#told = true
    this.#client.closeWith(code, () => this.#upstream?.destroy())
  }

  #upstreamFailed(error: Error): void {
    if (!this.#open) return this.#fail('unreachable', error)
    this.#tell('unreachable', error)
    this.#client.reset()
  }

  #upstreamClosed(upstream: Socket): void {
    if (!this.#open) return this.#fail('unreachable', new Error('the upstream closed the connection'))
    if (upstream.readableEnded || this.#client.clean) this.#client.finish(this.#parts.options.idleTimeout)
    else this.#upstreamFailed(new Error('the upstream closed the connection'))
    this.#maybeEnd()
  }

  #leftEarly(): void {
    if (!this.#open) this.#fail('client-left', new Error(LEFT))
  }

  #clientClosed(): void {
    if (this.#over) return
    if (!this.#open) return this.#fail('client-left', new Error(LEFT))
    if (this.#client.clean) this.#finishUpstream()
    else {
      this.#tell('client-left', new Error(LEFT))
      if (this.#upstream !== undefined) reset(this.#upstream)
    }
    this.#maybeEnd()
  }

  /** The client is gone: nobody reads the upstream any more, which so would never be seen to close. */
  #finishUpstream(): void {
    const upstream = this.#upstream
    if (upstream === undefined || upstream.destroyed) return
    upstream.unpipe().resume()
    upstream.end()
    finishWithin(upstream, this.#parts.options.idleTimeout)
  }

  #maybeEnd(): void {
    if (this.#over || !this.#client.closed || this.#upstream?.closed === false) return
    this.#over = true
    this.#parts.hooks.ended()
  }

  /** Before the upstream has switched: the caller answers the client. */
  #fail(failure: UpstreamFailure, cause: unknown): void {
    if (this.#over || this.#open) return
    this.#giveUp()
    try {
      this.#parts.hooks.failed(failure, false, cause)
    } finally {
      this.#parts.hooks.ended()
    }
  }

  #defer(failure: UpstreamFailure, cause: unknown): void {
    process.nextTick(() => this.#fail(failure, cause))
  }

  #giveUp(): void {
    this.#over = true
    clearTimeout(this.#deadline)
    this.#parts.socket.off('end', this.#clientEnded)
    this.#client.release()
    this.#upstream?.destroy()
  }

  #tell(failure: UpstreamFailure, cause: unknown): void {
    if (this.#told) return
    this.#told = true
    this.#parts.hooks.failed(failure, true, cause)
  }

  #expire(timeout: number, what: string): void {
    clearTimeout(this.#deadline)
    if (timeout > 0) this.#deadline = setTimeout(() => this.#fail('timeout', new Error(what)), timeout)
  }
}
