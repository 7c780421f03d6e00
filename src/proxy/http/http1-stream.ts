import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { closeAfterResponse, hasBody, isBodyPending, markLastRequest } from '../client-connection.js'
import { ClientStream } from '../client-stream.js'
import { answerWhole } from '../whole-answer.js'

/** A request over HTTP/1.1, and its response. */
export class Http1Stream extends ClientStream {
  readonly req: IncomingMessage
  readonly #res: ServerResponse

  constructor(req: IncomingMessage, res: ServerResponse, timeout = 0) {
    super(timeout)
    this.req = req
    this.#res = res
  }

  get connection(): Socket {
    return this.req.socket
  }

  get body(): IncomingMessage {
    return this.req
  }

  get isComplete(): boolean {
    return this.req.complete
  }

  get hasBody(): boolean {
    return hasBody(this.req)
  }

  get headersSent(): boolean {
    return this.#res.headersSent
  }

  /** Node closes the first response of a connection only: those behind it have no socket, and are not destroyed. */
  get isGone(): boolean {
    return this.#res.destroyed || this.req.socket.destroyed
  }

  protected get isInTurn(): boolean {
    return this.#res.socket !== null
  }

  respond(status: number, headers: string[], body: string | Buffer): void {
    if (this.#res.headersSent || this.#res.destroyed) return
    this.drop()
    this.#res.statusMessage = '' // the upstream's may be what could not be written
    answerWhole(this.req, this.#res, status, headers, body)
  }

  reset(): void {
    this.#res.destroy()
  }

  onLeft(left: () => void): void {
    this.#res.on('close', () => {
      if (!this.#res.writableFinished) left()
    })
  }

  protected writeHead(status: number, reason: string | undefined, headers: string[]): void {
    if (isBodyPending(this.req)) {
      // The connection closes unless the rest of the request arrives first, which nobody can tell yet.
      this.#res.shouldKeepAlive = false
      markLastRequest(this.req.socket)
    }
    this.#res.writeHead(status, reasonPhrase(status, reason), headers)
  }

  protected flushHead(): void {
    this.#res.flushHeaders()
  }

  protected writePart(chunk: Buffer): boolean {
    return this.#res.write(chunk)
  }

  /**
   * Not within the event: before version 24 Node also emits it while another response of the connection is written, from
   * inside undici's parser, which can resume no other connection then and would leave this one's paused for good.
   */
  protected onceDrained(drained: () => void): void {
    this.#res.once('drain', () => process.nextTick(drained))
  }

  /** Node sends a head together with a text, and one with bytes apart: so the body becomes a text, byte for byte. */
  protected override writeWhole(status: number, reason: string | undefined, headers: string[], body: Buffer): void {
    this.#res.cork()
    this.writeHead(status, reason, headers)
    this.#res.write(body.toString('latin1'), 'latin1')
    this.#res.uncork()
    this.writeEnd()
  }

  protected writeContinue(): void {
    this.#res.writeContinue()
  }

  /** Behind a client that reads slowly it is dropped: what is buffered must stay bounded. */
  protected writeInformational(status: number, headers: string[]): void {
    const { socket } = this.#res
    if (socket === null || !socket.writable || socket.writableNeedDrain) return
    const fields = []
    for (let i = 0; i + 1 < headers.length; i += 2) fields.push(`${headers[i]}: ${headers[i + 1]}`)
    if (!fields.every((field) => FIELD.test(field))) return
    socket.write([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...fields, '', ''].join('\r\n'), 'latin1')
  }

  protected writeTrailers(trailers: readonly string[]): void {
    const fields: [string, string][] = []
    for (let i = 0; i + 1 < trailers.length; i += 2) fields.push([trailers[i] as string, trailers[i + 1] as string])
    this.#res.addTrailers(fields)
  }

  protected writeEnd(): void {
    if (isBodyPending(this.req)) closeAfterResponse(this.req, this.#res)
    this.#res.end()
  }
}

/** The upstream's, if it can stand in a status line; bytes beyond ASCII have no known encoding. */
function reasonPhrase(status: number, given: string | undefined): string {
  return given !== undefined && VISIBLE.test(given) ? given : (STATUS_CODES[status] ?? '')
}

const FIELD = /^[\t -~\x80-\xff]+$/
const VISIBLE = /^[\t -~]+$/
