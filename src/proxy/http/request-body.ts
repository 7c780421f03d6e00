import { Readable } from 'node:stream'
import { ignoreError } from '../client-connection.js'
import type { ClientBody } from '../client-stream.js'
import type { BodyFailure } from '../transfer.js'

/** How fast a body must arrive. */
export interface BodyPace {
  /** On average, since the body began. */
  readonly bytesPerSecond: number
  /** Milliseconds that a client may fall behind that rate. */
  readonly grace: number
}

export interface BodyLimits {
  /** Bytes that the body may have; Infinity: no limit. */
  readonly maxBytes: number
  /** Absent: no limit. */
  readonly pace?: BodyPace | undefined
  /** Milliseconds that the whole body may take; absent: no limit. */
  readonly timeout?: number | undefined
}

export interface BodyHooks {
  /**
   * Asked before the first part, or the end of an empty body: the request's head is sent with it, however long after the connection
   * was there. False: as for {@link mayGoOn}.
   */
  mayBegin(): boolean
  /** Asked before each further part, and before the end. False: the part is dropped, and the caller destroys the body. */
  mayGoOn(): boolean
  /** Called once, if the body will not arrive whole. */
  failed(failure: BodyFailure, reason: Error): void
}

const EXPECT_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** Whether servers expect a body with a method. */
export function expectsBody(method: string | undefined): boolean {
  return method !== undefined && EXPECT_BODY.has(method)
}

/** Milliseconds between two looks at a body, at most. */
const LONGEST_LOOK = 60_000
/** Bytes buffered for an upstream that is slower than its client. */
const HIGH_WATER_MARK = 65_536

/**
 * The body of a client's request on its way to an upstream, at the upstream's pace. Destroying it pauses the request, which
 * can still be answered; after a failure the body never ends. Only the time spent waiting for the client counts against its
 * pace: while the upstream applies backpressure, the client is not slow.
 */
export class RequestBody extends Readable {
  readonly #client: ClientBody
  readonly #limits: BodyLimits
  readonly #hooks: BodyHooks
  readonly #detach: () => void
  readonly #begun = performance.now()
  #hasBegun = false
  #received = 0
  /** Milliseconds spent waiting for the client, before the current wait and since when that lasts (`performance.now()`). */
  #waited = 0
  #waitingSince: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(client: ClientBody, limits: BodyLimits, hooks: BodyHooks) {
    super({ highWaterMark: HIGH_WATER_MARK })
    this.#client = client
    this.#limits = limits
    this.#hooks = hooks
    const data = (chunk: Buffer) => this.#take(chunk)
    const end = () => this.#end()
    const close = () => this.#fail('client-left', 'the client closed its connection')
    const { body } = client
    body.pause() // a `data` listener would make it flow
    body.on('data', data).on('end', end).on('close', close)
    if (body.destroyed) process.nextTick(close) // it has said so already
    this.#detach = () => void body.off('data', data).off('end', end).off('close', close).pause()
    this.on('error', ignoreError)
  }

  /** Asks once more about what was buffered for a slow upstream. */
  override read(size?: number): unknown {
    return this.#hooks.mayGoOn() ? super.read(size) : null
  }

  override _read(): void {
    const { pace, timeout } = this.#limits
    if ((pace !== undefined || timeout !== undefined) && this.#waitingSince === undefined) {
      this.#waitingSince = performance.now()
      if (this.#timer === undefined) this.#watch(Math.min(pace?.grace ?? LONGEST_LOOK, timeout ?? LONGEST_LOOK))
    }
    this.#client.body.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    this.#detach()
    done(error)
  }

  #take(chunk: Buffer): void {
    if (!this.#mayGoOn()) return
    this.#received += chunk.length
    if (this.#received > this.#limits.maxBytes) return this.#fail('body-too-large', 'the request body is too large')
    if (this.push(chunk)) return
    this.#client.body.pause()
    if (this.#waitingSince === undefined) return
    this.#waited += performance.now() - this.#waitingSince
    this.#waitingSince = undefined
  }

  #end(): void {
    clearTimeout(this.#timer)
    // RST_STREAM with NO_ERROR ends an HTTP/2 body, too, wherever it was.
    if (this.#client.body.closed) return this.#fail('client-left', 'the client reset its stream')
    if (!this.#mayGoOn()) return // without the end the upstream cannot take it for whole
    this.#detach()
    this.push(null)
  }

  #mayGoOn(): boolean {
    if (this.#hasBegun) return this.#hooks.mayGoOn()
    this.#hasBegun = true
    return this.#hooks.mayBegin()
  }

  #watch(delay: number): void {
    // Reads first what has arrived: if this process was blocked, the client was not slow.
    this.#timer = setTimeout(() => setImmediate(() => this.#look()), Math.min(delay, LONGEST_LOOK))
  }

  #look(): void {
    if (this.destroyed || this.readableEnded || this.#client.isComplete) return
    const now = performance.now()
    const { pace, timeout = Number.POSITIVE_INFINITY } = this.#limits
    const left = timeout - (now - this.#begun)
    const ahead = pace === undefined ? Number.POSITIVE_INFINITY : this.#aheadOf(pace, now)
    if (Math.min(left, ahead) <= 0) this.#fail('body-too-slow', 'the request body arrived too slowly')
    else this.#watch(Math.min(left, Math.max(ahead, (pace?.grace ?? 0) / 10)))
  }

  /** Milliseconds that are left to the client at this pace. */
  #aheadOf({ grace, bytesPerSecond }: BodyPace, now: number): number {
    const waited = this.#waited + (this.#waitingSince === undefined ? 0 : now - this.#waitingSince)
    return grace + (this.#received * 1_000) / bytesPerSecond - waited
  }

  #fail(failure: BodyFailure, text: string): void {
    if (this.destroyed) return
    const reason = new Error(text)
    this.destroy(reason)
    this.#hooks.failed(failure, reason)
  }
}
