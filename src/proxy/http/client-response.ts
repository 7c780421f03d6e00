import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { closeAfterResponse, isBodyPending, markLastRequest } from '../client-connection.js'

/**
 * An upstream's response on its way to the client. Its headers wait for its body or its end (those of a HEAD do not):
 * until then nothing is sent, and the gateway can still answer instead.
 */
export class ClientResponse {
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  /** Milliseconds; 0: no limit. */
  readonly #timeout: number
  /** Of headers that were not written yet; 0: there are none. */
  #status = 0
  #reason = ''
  #headers: string[] = NONE
  #stalled: NodeJS.Timeout | undefined

  /** @param timeout milliseconds for which the client may read nothing; 0: no limit */
  constructor(req: IncomingMessage, res: ServerResponse, timeout: number) {
    this.#req = req
    this.#res = res
    this.#timeout = timeout
  }

  /** Whether any part of it has arrived. */
  get isBegun(): boolean {
    return this.#status !== 0 || this.#res.headersSent
  }

  /** Whether its headers were not written yet. */
  get isHeld(): boolean {
    return this.#status !== 0
  }

  /** Takes its headers: name, value, name, value ... */
  begin(status: number, reason: string | undefined, headers: string[]): void {
    this.#status = status
    this.#reason = reasonPhrase(status, reason)
    this.#headers = headers
    if (this.#req.method !== 'HEAD') return
    this.#writeHead()
    this.#res.flushHeaders()
  }

  /**
   * Writes a part of its body. False: the caller must wait for `drained`, or for `stalled` if the client reads nothing for
   * too long.
   */
  write(chunk: Buffer, drained: () => void, stalled: () => void): boolean {
    this.#writeHead()
    if (this.#res.write(chunk)) return true
    this.#awaitClient(stalled)
    this.#res.once('drain', () => {
      clearTimeout(this.#stalled)
      drained()
    })
    return false
  }

  end(): void {
    this.#writeHead()
    if (isBodyPending(this.#req)) closeAfterResponse(this.#req, this.#res)
    this.#res.end()
    this.release()
  }

  release(): void {
    clearTimeout(this.#stalled)
  }

  #writeHead(): void {
    const status = this.#status
    if (status === 0) return
    this.#status = 0 // also if it cannot be written
    if (isBodyPending(this.#req)) {
      // The connection closes unless the rest of the request arrives first, which nobody can tell yet.
      this.#res.shouldKeepAlive = false
      markLastRequest(this.#req.socket)
    }
    this.#res.writeHead(status, this.#reason, this.#headers)
  }

  /** The connection's own time-out is no help: it restarts with every byte that the client sends. */
  #awaitClient(stalled: () => void): void {
    if (this.#timeout === 0) return
    // While it waits behind earlier responses of the connection there is nothing that the client could read.
    const inTurn = this.#res.socket !== null
    clearTimeout(this.#stalled)
    this.#stalled = setTimeout(() => {
      if (inTurn) stalled()
      else this.#awaitClient(stalled)
    }, this.#timeout)
  }
}

/** The upstream's, if it can stand in a status line; bytes beyond ASCII have no known encoding. */
function reasonPhrase(status: number, given: string | undefined): string {
  return given !== undefined && VISIBLE.test(given) ? given : (STATUS_CODES[status] ?? '')
}

const VISIBLE = /^[\t -~]+$/
const NONE: string[] = []
