/** The queue is full. */
class TooManyCalls extends Error {
  override readonly name = 'TooManyCalls'
  readonly code = 'ERR_TOO_MANY_CALLS'
}

/** Runs a bounded number of calls at once, queues a bounded number in order of arrival, and fails the rest. */
export class BoundedCalls {
  readonly #running: number
  readonly #waiting: number
  readonly #queue: (() => void)[] = []
  #count = 0

  constructor(running: number, waiting: number) {
    this.#running = running
    this.#waiting = waiting
  }

  /** Whether another call would be turned away. */
  get isFull(): boolean {
    return this.#count >= this.#running && this.#queue.length >= this.#waiting
  }

  /** Rejects with {@link TooManyCalls} if the queue is full, or with the signal's reason if that aborts first. */
  async run<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#count >= this.#running) await this.#turn(signal)
    else this.#count++
    try {
      return await call()
    } finally {
      const next = this.#queue.shift()
      if (next === undefined) this.#count--
      else next()
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#queue.length >= this.#waiting) return Promise.reject(new TooManyCalls('too many calls are waiting'))
    return new Promise((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#queue.splice(this.#queue.indexOf(start), 1)
        reject(signal.reason)
      }
      this.#queue.push(start)
      signal.addEventListener('abort', leave, { once: true })
    })
  }
}
