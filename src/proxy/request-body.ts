import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { ignore } from './upgrade-sockets.js'

/** How fast a body must come. */
export interface BodyPace {
  /** On average, since the body began. */
  readonly bytesPerSecond: number
  /** Milliseconds that a client may take beyond that. */
  readonly grace: number
}

export interface BodyLimits {
  /** Bytes that the body may have; Infinity for no limit. */
  readonly maxBytes: number
  /** Absent: it may come as slowly as it likes. */
  readonly pace?: BodyPace | undefined
}

export type BodyFailure = 'body-too-large' | 'body-too-slow' | 'client-left'

export interface BodyHooks {
  /** Asked before each part is passed on, and before the end. False: it is dropped, and whoever said so destroys the body. */
  readonly mayGoOn: () => boolean
  /** Called once, if the body will not come whole. */
  readonly failed: (failure: BodyFailure, reason: Error) => void
}

/** Bytes that are kept for an upstream that is slower than its client. */
const HIGH_WATER_MARK = 65_536

/**
 * The body of a client's request on its way to an upstream, at the upstream's pace. Destroying it lets go of the request,
 * which can still be answered; a failure is told, and the body ends no more. Only the time in which the client is waited
 * for counts against its pace: while the upstream holds the body back, it is not the client that is slow.
 */
export class RequestBody extends Readable {
  readonly #req: IncomingMessage
  readonly #limits: BodyLimits
  readonly #hooks: BodyHooks
  readonly #letGo: () => void
  #received = 0
  /** Milliseconds in which the client was waited for, and since when it is (of `performance.now()`). */
  #waited = 0
  #waitingSince: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(req: IncomingMessage, limits: BodyLimits, hooks: BodyHooks) {
    super({ highWaterMark: HIGH_WATER_MARK })
    this.#req = req
    this.#limits = limits
    this.#hooks = hooks
    const data = (chunk: Buffer) => this.#take(chunk)
    const end = () => this.#end()
    const close = () => this.#fail('client-left', 'the client closed its connection')
    req.pause() // else a listener makes it flow
    req.on('data', data).on('end', end).on('close', close)
    this.#letGo = () => void req.off('data', data).off('end', end).off('close', close).pause()
    this.on('error', ignore)
  }

  /** What waited here for a slow upstream is asked about once more. */
  override read(size?: number): unknown {
    return this.#hooks.mayGoOn() ? super.read(size) : null
  }

  override _read(): void {
    if (this.#limits.pace !== undefined && this.#waitingSince === undefined) {
      this.#waitingSince = performance.now()
      if (this.#timer === undefined) this.#watch(this.#limits.pace.grace)
    }
    this.#req.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    this.#letGo()
    done(error)
  }

  #take(chunk: Buffer): void {
    if (!this.#hooks.mayGoOn()) return
    this.#received += chunk.length
    if (this.#received > this.#limits.maxBytes) return this.#fail('body-too-large', 'the request body is too large')
    if (this.push(chunk)) return
    this.#req.pause()
    if (this.#waitingSince === undefined) return
    this.#waited += performance.now() - this.#waitingSince
    this.#waitingSince = undefined
  }

  #end(): void {
    clearTimeout(this.#timer)
    if (!this.#hooks.mayGoOn()) return // without its end the upstream does not take it for whole
    this.#letGo()
    this.push(null)
  }

  #watch(delay: number): void {
    // What has come already is read first: a process that was held up must not take it for the client's slowness.
    this.#timer = setTimeout(() => setImmediate(() => this.#look()), delay)
  }

  #look(): void {
    const { pace } = this.#limits
    if (this.destroyed || this.readableEnded || this.#req.complete || pace === undefined) return
    const now = performance.now()
    const waited = this.#waited + (this.#waitingSince === undefined ? 0 : now - this.#waitingSince)
    const left = pace.grace + (this.#received * 1_000) / pace.bytesPerSecond - waited
    if (left <= 0) this.#fail('body-too-slow', 'the request body came too slowly')
    else this.#watch(Math.max(left, pace.grace / 10))
  }

  #fail(failure: BodyFailure, text: string): void {
    if (this.destroyed) return
    const reason = new Error(text)
    this.destroy(reason)
    this.#hooks.failed(failure, reason)
  }
}
