import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { finishWithin, ignoreError, LINGER, reset } from '../client-connection.js'
import { closeFrame, WebSocketFrames } from './frames.js'

/** Milliseconds until the Close frame of a refused client must have been written; then it is reset. */
const CLOSE_WITHIN = 100

/**
 * The client's socket as http-proxy sees it. Everything for the client passes through here, so this knows where frames
 * end and can put a Close frame between them; it also applies backpressure in both directions. Destroyed with the client's
 * socket, which it owns until `release`.
 */
export class ClientSide extends Duplex {
  readonly #socket: Duplex
  readonly #frames = new WebSocketFrames()
  readonly #stopListening: () => void
  readonly #mayGoOn: () => boolean
  #switched = false
  #released = false
  #closing: { readonly code: number; readonly sent: () => void } | undefined
  #closeSent = false
  #discarding = false
  #timer: NodeJS.Timeout | undefined

  /** @param mayGoOn asked before each part of either side; false: that part is dropped, and its frame cut off */
  constructor(socket: Duplex, head: Buffer, mayGoOn: () => boolean) {
    // http-proxy writes the 101 as a string: header values are latin1 (RFC 9110 §5.5), not UTF-8.
    super({ allowHalfOpen: true, autoDestroy: false, defaultEncoding: 'latin1' })
    this.#socket = socket
    this.#mayGoOn = mayGoOn
    if (head.length > 0) this.push(head)
    if (socket instanceof Socket) socket.setTimeout(0) // the server's own; idle time is measured on the upstream's side
    const data = (chunk: Buffer) => this.#received(chunk)
    const end = () => this.push(null)
    const close = () => this.#closed()
    socket.on('error', ignoreError).on('data', data).on('end', end).on('close', close)
    this.#stopListening = () =>
      void socket.off('error', ignoreError).off('data', data).off('end', end).off('close', close)
    this.on('error', ignoreError)
    if (socket.destroyed) process.nextTick(close)
  }

  /** Whether the client's side was closed cleanly by both sides, or got a Close frame. */
  get clean(): boolean {
    return this.#closeSent || (this.#socket.readableEnded && this.#socket.writableFinished)
  }

  /** Gives the socket back, with what was read from it and not consumed; does not touch it again. */
  release(): void {
    this.#released = true
    this.#stopListening()
    this.#socket.pause()
    const unread: unknown = this.read()
    if (unread instanceof Buffer && !this.#socket.readableEnded && !this.#socket.destroyed) {
      this.#socket.unshift(unread)
    }
    this.destroy()
  }

  /** Resets the client. */
  reset(): void {
    if (!this.#released) reset(this.#socket)
  }

  /**
   * Stops reading, sends a Close frame with this code at the next frame boundary, and closes. If that takes more than
   * 100 ms the client is reset. Calls `sent` when nothing more of the upstream is needed.
   */
  closeWith(code: number, sent: () => void): void {
    if (this.#closing !== undefined || this.#released) return
    if (this.#socket.closed || this.destroyed) {
      this.destroy() // what is left in here for a slow upstream goes nowhere
      return sent()
    }
    this.#closing = { code, sent }
    this.#discard()
    this.#expire(CLOSE_WITHIN, () => {
      reset(this.#socket)
      sent()
    })
    if (this.#frames.atBoundary) this.#sendClose()
  }

  /** The upstream is gone: sends what is left, within `timeout` ms, at most 120 s (0: 120 s), and closes. */
  finish(timeout: number): void {
    if (this.#closing !== undefined || this.#released) return
    this.#discard()
    if (this.#socket.closed) this.destroy()
    else finishWithin(this.#socket, timeout)
  }

  // The three settings that http-proxy applies to a socket; the time-out is set here only.
  setTimeout(): this {
    return this
  }

  setNoDelay(on: boolean): this {
    if (this.#socket instanceof Socket) this.#socket.setNoDelay(on)
    return this
  }

  setKeepAlive(on: boolean, delay: number): this {
    if (this.#socket instanceof Socket) this.#socket.setKeepAlive(on, delay)
    return this
  }

  /** Asks once more about what was buffered for a slow upstream. */
  override read(size?: number): unknown {
    if (!this.#released && (this.#closing !== undefined || !this.#mayGoOn())) return null
    return super.read(size)
  }

  override _read(): void {
    if (!this.#released) this.#socket.resume()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#released || this.#closeSent) {
      done()
    } else if (!this.#switched) {
      this.#switched = true // http-proxy's first write is the head of the 101, whole
      this.#socket.write(chunk, done)
    } else if (this.#closing === undefined && !this.#mayGoOn()) {
      if (!this.#closeSent) reset(this.#socket)
      done()
    } else if (this.#closing === undefined) {
      this.#frames.read(chunk)
      this.#socket.write(chunk, done)
    } else {
      const rest = chunk.subarray(0, this.#frames.readToBoundary(chunk))
      this.#socket.write(rest, done)
      if (this.#frames.atBoundary) this.#sendClose()
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#released || this.#closeSent) return done()
    if (this.#closing !== undefined) reset(this.#socket) // the upstream ended in the middle of a frame
    this.#socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    done(error)
  }

  #received(chunk: Buffer): void {
    if (this.#discarding || !this.#mayGoOn() || this.#released) return
    if (!this.push(chunk)) this.#socket.pause()
  }

  #closed(): void {
    // After a clean close what the upstream has not read yet is still in here.
    if (this.#discarding || !this.clean || this.readableEnded) this.destroy()
    else this.once('end', () => this.destroy())
  }

  #discard(): void {
    this.#discarding = true
    this.unpipe()
    this.#socket.resume()
  }

  #sendClose(): void {
    const { code, sent } = this.#closing as { code: number; sent: () => void }
    this.#closeSent = true
    this.#socket.once('finish', () => this.#linger())
    if (this.#frames.closed || this.#socket.writableEnded) this.#socket.end()
    else this.#socket.end(closeFrame(code))
    sent()
  }

  #linger(): void {
    this.#expire(LINGER, () => this.#socket.destroy())
  }

  #expire(timeout: number, then: () => void): void {
    clearTimeout(this.#timer)
    if (!this.destroyed) this.#timer = setTimeout(then, timeout)
  }
}
