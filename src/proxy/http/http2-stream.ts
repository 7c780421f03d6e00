import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { ignoreError, LINGER } from '../client-connection.js'
import { ClientStream, type RequestHead } from '../client-stream.js'

/** A request over HTTP/2, and its response: a stream of a client's connection (RFC 9113 §8.1). */
export class Http2Stream extends ClientStream {
  readonly req: RequestHead
  readonly connection: TLSSocket
  readonly body: ServerHttp2Stream
  readonly hasBody: boolean
  protected readonly isInTurn = true
  /** Whether nothing more will be written: the response is whole, or broken off by the gateway. */
  #isOver = false
  #trailers: OutgoingHttpHeaders | undefined
  #bytesWritten = 0

  /** @param timeout as for {@link ClientStream}; the end of a response must be read in it, too */
  constructor(stream: ServerHttp2Stream, req: RequestHead, connection: TLSSocket, timeout: number) {
    super(timeout)
    this.connection = connection
    this.body = stream
    this.req = req
    this.hasBody = !stream.endAfterHeaders && req.headers['content-length'] !== '0'
    stream.on('error', ignoreError)
  }

  get isComplete(): boolean {
    const stream = this.body
    return stream.endAfterHeaders || stream.readableEnded || ENDED.has(stream.state.state)
  }

  get headersSent(): boolean {
    return this.body.headersSent
  }

  /** Bytes of the response's body so far. */
  get bytesWritten(): number {
    return this.#bytesWritten
  }

  /** Bytes of these that the client's windows hold back. */
  get writableLength(): number {
    return this.body.writableLength
  }

  get destroyed(): boolean {
    return this.body.destroyed
  }

  get isGone(): boolean {
    return this.body.destroyed || this.body.closed
  }

  respond(status: number, headers: string[], body: string | Buffer): void {
    if (this.body.headersSent || this.isGone) return
    this.drop()
    this.writeHead(status, undefined, headers)
    if (body.length > 0) this.writePart(typeof body === 'string' ? Buffer.from(body) : body)
    this.writeEnd()
  }

  reset(): void {
    this.#isOver = true
    // Not `close`: with any code, Node then ends the response cleanly, and part of one looks like the whole.
    this.body.destroy(BROKEN_OFF)
  }

  onLeft(left: () => void): void {
    this.body.on('close', () => {
      if (!this.#isOver) left()
    })
  }

  protected writeHead(status: number, _: unknown, headers: string[]): void {
    if (this.isGone) return
    const { mayHaveTrailers: waitForTrailers } = this
    if (waitForTrailers) this.body.once('wantTrailers', () => this.body.sendTrailers(this.#trailers ?? {}))
    this.body.respond(outgoingHeaders(status, headers), { waitForTrailers })
  }

  protected flushHead(): void {}

  /** Node has ended the stream itself after a status that has no body, and after the head for a HEAD. */
  protected writePart(chunk: Buffer): boolean {
    if (this.isGone || this.body.writableEnded) return true
    this.#bytesWritten += chunk.length
    return this.body.write(chunk)
  }

  protected onceDrained(drained: () => void): void {
    this.body.once('drain', drained)
  }

  protected writeContinue(): void {
    if (!this.isGone) this.body.additionalHeaders({ ':status': 100 })
  }

  protected writeInformational(status: number, headers: string[]): void {
    if (!this.isGone && !this.body.writableNeedDrain) this.body.additionalHeaders(outgoingHeaders(status, headers))
  }

  protected writeTrailers(trailers: readonly string[]): void {
    this.#trailers = outgoingHeaders(undefined, trailers)
  }

  protected writeEnd(): void {
    this.#isOver = true
    const stream = this.body
    if (this.isGone) return
    if (!stream.writableEnded) stream.end()
    if (!stream.endAfterHeaders) this.#leaveBody()
    if (this.timeout > 0 && !stream.writableFinished) this.#expire()
  }

  /**
   * Drops the rest of the request's body, and has a client that goes on sending stop (RFC 9113 §8.1). Not at once: the
   * RST_STREAM would overtake what Node has yet to write of the response. And not before that is written: a stream that
   * waits in `closed` for its end is destroyed without RST_STREAM, and Node's session then sends empty DATA for ever.
   */
  #leaveBody(): void {
    const stream = this.body
    stream.resume()
    if (this.isComplete) return
    const close = () => stream.close(constants.NGHTTP2_NO_ERROR)
    const deadline = setTimeout(() => (stream.writableFinished ? close() : stream.once('finish', close)), LINGER)
    stream.once('close', () => clearTimeout(deadline))
  }

  /** The client decides how fast what is buffered leaves: by its windows. */
  #expire(): void {
    const stream = this.body
    const deadline = setTimeout(() => this.reset(), this.timeout)
    stream.once('close', () => clearTimeout(deadline))
  }
}

/** Node sends RST_STREAM with INTERNAL_ERROR for it. */
const BROKEN_OFF = new Error('the response is broken off')
const ENDED: ReadonlySet<number | undefined> = new Set([
  constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE,
  constants.NGHTTP2_STREAM_STATE_CLOSED,
])
/** Their meaning is the frames' (RFC 9113 §8.2.2). */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/**
 * Name, value, name, value ... as Node takes them. Repeated headers are joined, which means the same (RFC 9110 §5.3), except
 * `Set-Cookie`: Node refuses to repeat some, `X-Content-Type-Options` for one.
 */
function outgoingHeaders(status: number | undefined, headers: readonly string[]): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = Object.create(null)
  if (status !== undefined) out[':status'] = status
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase()
    if (OF_CONNECTION.has(name)) continue
    const value = headers[i + 1] as string
    const before = out[name]
    if (before === undefined) out[name] = value
    else if (name !== 'set-cookie') out[name] = `${before}, ${value}`
    else if (Array.isArray(before)) before.push(value)
    else out[name] = [String(before), value]
  }
  return out
}
