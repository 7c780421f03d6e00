import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import { lengthIn } from './headers.js'

/** The head of a request, whichever version of HTTP it came over. Node's `IncomingMessage` is one. */
export interface RequestHead {
  readonly method?: string | undefined
  /** The request target, as the client sent it. */
  readonly url?: string | undefined
  /** `1.0`, `1.1` or `2.0`. */
  readonly httpVersion: string
  readonly headers: IncomingHttpHeaders
  /** Name, value, name, value ... as they came: without HTTP/2's pseudo-headers. */
  readonly rawHeaders: readonly string[]
}

/** The body of a request. */
export interface ClientBody {
  /** Paused, it makes the client wait. */
  readonly body: Readable
  /** Whether the whole body has arrived, read or not. */
  readonly isComplete: boolean
}

/**
 * A client's request and the response to it, over HTTP/1.1 or HTTP/2. An upstream's headers wait for its body or its end
 * (those of a HEAD do not): until then nothing is sent, and the gateway can still answer instead.
 */
export abstract class ClientStream implements ClientBody {
  abstract readonly req: RequestHead
  /** The connection, which tells whose request it is. */
  abstract readonly connection: Duplex
  abstract readonly body: Readable
  abstract readonly isComplete: boolean
  /** Whether the request has a body, as its head says. */
  abstract readonly hasBody: boolean
  /** Whether a response's headers were sent: nothing else can answer the request any more. */
  abstract readonly headersSent: boolean
  /** Whether the client has left. Whoever begins with a request late asks: its streams say `close` once. */
  abstract readonly isGone: boolean
  /** Whether the client reads this response, and not yet an earlier one of its connection. */
  protected abstract readonly isInTurn: boolean
  /** Bytes of an upstream's body that were written so far. */
  bytesSent = 0
  /** Milliseconds for which the client may read nothing; 0: no limit. */
  protected readonly timeout: number
  /** Whether trailers may follow the response's body. */
  protected mayHaveTrailers = false
  /** Of headers that were not written yet; 0: there are none. */
  #status = 0
  #reason: string | undefined
  #headers: string[] = NONE
  #isAsked = false
  #informed = 0
  /** The whole body, if it came in one small part and was not written yet. */
  #whole: Buffer | undefined
  #stalled: NodeJS.Timeout | undefined

  /** @param timeout milliseconds for which the client may read nothing of the response; 0: no limit */
  constructor(timeout: number) {
    this.timeout = timeout
  }

  /** Answers with a body in memory, instead of an upstream whose headers are held; not at all if others were sent. */
  abstract respond(status: number, headers: string[], body: string | Buffer): void

  /** Breaks the response off, so that the client can tell: resets the connection or the HTTP/2 stream. */
  abstract reset(): void

  /** Calls `left` if the client leaves before it has the whole response; not if it {@link isGone} already. */
  abstract onLeft(left: () => void): void

  protected abstract writeHead(status: number, reason: string | undefined, headers: string[]): void
  /** Sends what was written, though no body follows. */
  protected abstract flushHead(): void
  /** False: the client reads more slowly; see {@link onceDrained}. */
  protected abstract writePart(chunk: Buffer): boolean
  protected abstract onceDrained(drained: () => void): void
  protected abstract writeEnd(): void
  /** Sends `100 Continue`. */
  protected abstract writeContinue(): void
  /** Sends an informational response; `headers` are the caller's no longer. */
  protected abstract writeInformational(status: number, headers: string[]): void
  /** Takes the trailers of a response whose headers were written; drops them where its framing has none. */
  protected abstract writeTrailers(trailers: readonly string[]): void

  /** Writes a whole response whose body is small, in as few pieces as can be. */
  protected writeWhole(status: number, reason: string | undefined, headers: string[], body: Buffer): void {
    this.writeHead(status, reason, headers)
    this.writePart(body)
    this.writeEnd()
  }

  /** Asks for the request's body, once, if the client waits for that (`Expect: 100-continue`, RFC 9110 §10.1.1). */
  askForBody(): void {
    if (this.#isAsked) return
    this.#isAsked = true
    const { expect } = this.req.headers
    if (expect !== undefined && this.req.httpVersion !== '1.0' && !this.headersSent) this.writeContinue()
  }

  /**
   * Passes on an informational response, 103 for one: name, value, name, value ... Not to HTTP/1.0, nor while the client
   * still reads an earlier response of its connection, and only the first {@link MAX_INFORMATIONAL}.
   */
  inform(status: number, headers: string[]): void {
    if (this.req.httpVersion === '1.0' || this.headersSent || !this.isInTurn) return
    if (this.#informed++ < MAX_INFORMATIONAL) this.writeInformational(status, headers)
  }

  /** Whether any part of an upstream's response has arrived. */
  get isBegun(): boolean {
    return this.#status !== 0 || this.headersSent
  }

  /** Whether its headers were not written yet. */
  get isHeld(): boolean {
    return this.#status !== 0
  }

  /** Takes the headers of an upstream's response: name, value, name, value ... */
  begin(status: number, reason: string | undefined, headers: string[], mayHaveTrailers = false): void {
    this.mayHaveTrailers = mayHaveTrailers
    this.#status = status
    this.#reason = reason
    this.#headers = headers
    if (this.req.method !== 'HEAD') return
    this.#writeHeld()
    this.flushHead()
  }

  /**
   * Writes a part of its body. False: the caller must wait for `drained`, or for `stalled` if the client reads nothing for
   * too long. A small part that is the whole body waits for the end, which comes with it: one write is cheaper than two.
   */
  write(chunk: Buffer, drained: () => void, stalled: () => void): boolean {
    this.bytesSent += chunk.length
    if (this.#status !== 0 && chunk.length <= SMALL && chunk.length === lengthIn(this.#headers)) {
      this.#whole = chunk
      return true
    }
    this.#writeHeld()
    if (this.writePart(chunk)) return true
    this.#awaitClient(stalled)
    this.onceDrained(() => {
      clearTimeout(this.#stalled)
      drained()
    })
    return false
  }

  /** @param trailers name, value, name, value ... of a response that was begun with `mayHaveTrailers` */
  end(trailers: readonly string[] = NONE): void {
    const [status, whole] = [this.#status, this.#whole]
    if (whole === undefined || status === 0) {
      this.#writeHeld()
      if (trailers.length > 0 && this.mayHaveTrailers) this.writeTrailers(trailers)
      this.writeEnd()
    } else {
      this.#status = 0
      this.writeWhole(status, this.#reason, this.#headers, whole)
    }
    this.release()
  }

  release(): void {
    clearTimeout(this.#stalled)
  }

  /** Forgets the headers that are held: they are not sent. */
  protected drop(): void {
    this.#status = 0
  }

  #writeHeld(): void {
    const status = this.#status
    if (status === 0) return
    this.#status = 0 // also if it cannot be written
    this.writeHead(status, this.#reason, this.#headers)
    if (this.#whole === undefined) return
    this.writePart(this.#whole)
    this.#whole = undefined
  }

  /** A connection's own time-out is no help: it restarts with every byte that the client sends. */
  #awaitClient(stalled: () => void): void {
    if (this.timeout === 0) return
    // While it waits behind earlier responses of the connection there is nothing that the client could read.
    const { isInTurn } = this
    clearTimeout(this.#stalled)
    this.#stalled = setTimeout(() => {
      if (isInTurn || this.isGone) stalled()
      else this.#awaitClient(stalled)
    }, this.timeout)
  }
}

/** An upstream that sends more, without end perhaps, goes on unheard. */
const MAX_INFORMATIONAL = 32
const NONE: string[] = []
/** Bytes up to which copying a body costs less than writing it apart. */
const SMALL = 8_192
