import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { LINGER } from './closing.js'
import { ignore, reset } from './upgrade-sockets.js'
import { closeFrame, WebSocketFrames } from './web-socket-frames.js'

/** Milliseconds that a refused client has until its Close frame must have left; then it is reset. */
const CLOSE_WITHIN = 100
/** Milliseconds in which a client must have taken what is left for it once its upstream is gone. */
const FINISH_WITHIN = 120_000

/**
 * The client's socket as http-proxy sees it. All that goes to the client passes through here, so this knows where
 * frames end and can put a Close frame between them, and holds the client at the upstream's pace and the other way round.
 * Destroyed when the client's socket is; until `release` it owns that socket.
 */
export class UpgradeClientSide extends Duplex {
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

  /** @param mayGoOn asked before each part of either side; false: that part is dropped, and a frame that it stood in cut off */
  constructor(socket: Duplex, head: Buffer, mayGoOn: () => boolean) {
    // http-proxy writes the 101 as a string: header values are latin1 (RFC 9110 §5.5), not UTF-8.
    super({ allowHalfOpen: true, autoDestroy: false, defaultEncoding: 'latin1' })
    this.#socket = socket
    this.#mayGoOn = mayGoOn
    if (head.length > 0) this.push(head)
    if (socket instanceof Socket) socket.setTimeout(0) // the server's own; silence is measured on the upstream's side
    const data = (chunk: Buffer) => this.#received(chunk)
    const end = () => this.push(null)
    const close = () => this.#closed()
    socket.on('error', ignore).on('data', data).on('end', end).on('close', close)
    this.#stopListening = () => void socket.off('error', ignore).off('data', data).off('end', end).off('close', close)
    this.on('error', ignore)
    if (socket.destroyed) process.nextTick(close)
  }

  /** Whether the client's side ended by both ends' leave, or was told to. */
  get clean(): boolean {
    return this.#closeSent || (this.#socket.readableEnded && this.#socket.writableFinished)
  }

  /** Gives the socket back, and what came by it and was not taken: nothing that happens to this touches it any more. */
  release(): void {
    this.#released = true
    this.#stopListening()
    this.#socket.pause()
    const untaken: unknown = this.read()
    if (untaken instanceof Buffer && !this.#socket.readableEnded && !this.#socket.destroyed) {
      this.#socket.unshift(untaken)
    }
    this.destroy()
  }

  /** Resets the client. */
  reset(): void {
    if (!this.#released) reset(this.#socket)
  }

  /**
   * Stops reading, sends a Close frame with this code at the next end of a frame, and closes. A client for which that
   * takes more than 100 ms is reset. `sent` is called when nothing more of the upstream is wanted.
   */
  closeWith(code: number, sent: () => void): void {
    if (this.#closing !== undefined || this.#released || this.destroyed) return
    this.#closing = { code, sent }
    this.#discard()
    this.#expire(CLOSE_WITHIN, () => {
      reset(this.#socket)
      sent()
    })
    if (this.#frames.atBoundary) this.#sendClose()
  }

  /** The upstream is gone: sends what is left to send, within `timeout` ms, at most 120 s (0: 120 s), and closes. */
  finish(timeout: number): void {
    if (this.#closing !== undefined || this.#released) return
    this.#discard()
    if (this.#socket.closed) this.destroy()
    else if (this.#socket.writableFinished) this.#linger()
    else {
      // Not a time without traffic: a client that goes on sending and takes nothing would never be without.
      this.#expire(timeout > 0 ? Math.min(timeout, FINISH_WITHIN) : FINISH_WITHIN, () => this.reset())
      this.#socket.once('finish', () => this.#linger())
    }
  }

  // The three that http-proxy sets on a socket; its time-out is ours to set.
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

  /** What waited here for a slow upstream is asked about once more. */
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
    // Closed by both ends' leave: what the upstream has not taken yet is still in here.
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
