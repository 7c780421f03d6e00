/** More calls are waiting than may. */
export class TooManyCalls extends Error {
  override readonly name = 'TooManyCalls'
  readonly code = 'ERR_TOO_MANY_CALLS'
}

/** Lets a bounded number of calls run at once, a bounded number wait in the order of their coming, and fails the rest. */
export class BoundedCalls {
  readonly #running: number
  readonly #waiting: number
  readonly #queue: (() => void)[] = []
  #count = 0

  constructor(running: number, waiting: number) {
    this.#running = running
    this.#waiting = waiting
  }

  /** Rejects with {@link TooManyCalls} at once if too many wait, with the signal's reason if it comes first. */
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
