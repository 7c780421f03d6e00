import type { Socket } from 'node:net'

/** How fast a client must take what it is sent. */
export interface ResponsePace {
  readonly bytesPerSecond: number
  /** Milliseconds beyond what that rate allows. */
  readonly grace: number
}

/** What waited for a client when it was looked at, and until when it must have been taken. */
interface Behind {
  /** Of all bytes ever written to the connection. */
  readonly mark: number
  /** `performance.now()` */
  readonly deadline: number
}

/** Milliseconds between two looks at all connections, at most. */
const INTERVAL = 5_000

/**
 * Finds clients that take what they are sent too slowly, whatever they send meanwhile, and whatever it is: a response, the
 * rest of one whose upstream is done, a WebSocket's messages. What waits at a look must have been taken, to the last byte,
 * in the grace period and the time that it takes at the minimum rate. A look costs a comparison a connection; nothing is
 * done when a response is written.
 */
export class SlowReaders {
  readonly #pace: ResponsePace
  readonly #found: (socket: Socket) => void
  readonly #connections = new Set<Socket>()
  readonly #behind = new Map<Socket, Behind>()
  #timer: NodeJS.Timeout | undefined

  /** @param found closes the connection */
  constructor(pace: ResponsePace, found: (socket: Socket) => void) {
    this.#pace = pace
    this.#found = found
  }

  watch(socket: Socket): void {
    this.#connections.add(socket)
    socket.once('close', () => this.#closed(socket))
    this.#timer ??= setInterval(() => this.#lookAtAll(), Math.min(this.#pace.grace / 4, INTERVAL)).unref()
  }

  #closed(socket: Socket): void {
    this.#connections.delete(socket)
    this.#behind.delete(socket)
    if (this.#connections.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #lookAtAll(): void {
    const now = performance.now()
    for (const socket of this.#connections) {
      if (socket.writableLength > 0) this.#look(socket, now)
      else if (this.#behind.size > 0) this.#behind.delete(socket)
    }
  }

  #look(socket: Socket, now: number): void {
    const behind = this.#behind.get(socket)
    if (behind === undefined || taken(socket) >= behind.mark) {
      const { grace, bytesPerSecond } = this.#pace
      const deadline = now + grace + (socket.writableLength * 1_000) / bytesPerSecond
      this.#behind.set(socket, { mark: socket.bytesWritten, deadline })
    } else if (now >= behind.deadline) {
      // Hears first what was taken: if this process was blocked, the client was not slow.
      setImmediate(() => {
        if (!socket.destroyed && taken(socket) < behind.mark) this.#found(socket)
      })
    }
  }
}

/** Bytes that the client's side of the connection has taken, as far as the operating system says. */
function taken(socket: Socket): number {
  return socket.bytesWritten - socket.writableLength
}
