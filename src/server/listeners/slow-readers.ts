/** How fast a client must take what it is sent. */
export interface ResponsePace {
  readonly bytesPerSecond: number
  /** Milliseconds beyond what that rate allows. */
  readonly grace: number
}

/** What a client reads: a connection, or an HTTP/2 stream. */
export interface Reading {
  /** Bytes ever written to it. */
  readonly bytesWritten: number
  /** Bytes of these that wait for the client. */
  readonly writableLength: number
  readonly destroyed: boolean
}

/** What waited for a client when it was looked at, and until when it must have been taken. */
interface Behind {
  /** Of all bytes ever written to it. */
  readonly mark: number
  /** `performance.now()` */
  readonly deadline: number
}

/** Milliseconds between two looks at all, at most. */
const INTERVAL = 5_000

/**
 * Finds clients that take what they are sent too slowly, whatever they send meanwhile, and whatever it is: a response, the
 * rest of one whose upstream is done, a WebSocket's messages. What waits at a look must have been taken, to the last byte,
 * in the grace period and the time that it takes at the minimum rate. A look costs a comparison; nothing is done when a
 * response is written.
 */
export class SlowReaders<Read extends Reading> {
  readonly #pace: ResponsePace
  readonly #found: (slow: Read) => void
  readonly #watched = new Set<Read>()
  readonly #behind = new Map<Read, Behind>()
  #timer: NodeJS.Timeout | undefined

  /** @param found closes it */
  constructor(pace: ResponsePace, found: (slow: Read) => void) {
    this.#pace = pace
    this.#found = found
  }

  /** Call {@link forget} when it is closed. */
  watch(reading: Read): void {
    this.#watched.add(reading)
    this.#timer ??= setInterval(() => this.#lookAtAll(), Math.min(this.#pace.grace / 4, INTERVAL)).unref()
  }

  forget(reading: Read): void {
    this.#watched.delete(reading)
    this.#behind.delete(reading)
  }

  #lookAtAll(): void {
    if (this.#watched.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    const now = performance.now()
    for (const reading of this.#watched) {
      if (reading.writableLength > 0) this.#look(reading, now)
      else if (this.#behind.size > 0) this.#behind.delete(reading)
    }
  }

  #look(reading: Read, now: number): void {
    const behind = this.#behind.get(reading)
    if (behind === undefined || taken(reading) >= behind.mark) {
      const { grace, bytesPerSecond } = this.#pace
      const deadline = now + grace + (reading.writableLength * 1_000) / bytesPerSecond
      this.#behind.set(reading, { mark: reading.bytesWritten, deadline })
    } else if (now >= behind.deadline) {
      // Hears first what was taken: if this process was blocked, the client was not slow.
      setImmediate(() => {
        if (!reading.destroyed && taken(reading) < behind.mark) this.#found(reading)
      })
    }
  }
}

/** Bytes that the client's side has taken, as far as the operating system, or HTTP/2's flow control, says. */
function taken({ bytesWritten, writableLength }: Reading): number {
  return bytesWritten - writableLength
}
