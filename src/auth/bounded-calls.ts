/** The queue is full, or was needed for clients that have less in it. */
class TooManyCalls extends Error {
  override readonly name = 'TooManyCalls'
  readonly code = 'ERR_TOO_MANY_CALLS'
}

export interface CallLimits {
  /** Calls at once. */
  readonly running: number
  /** Of these, a single client's at most; absent: all. */
  readonly runningOfClient?: number
  /** Calls that wait for their turn. */
  readonly waiting: number
}

interface Waiting {
  start(): void
  fail(reason: unknown): void
}

interface ClientCalls {
  running: number
  /** In order of arrival. */
  readonly waiting: Waiting[]
}

/**
 * Runs a bounded number of calls at once, queues a bounded number, and fails the rest. One client with many calls does not
 * keep others from theirs: clients take turns, some places are never taken by one client alone, and where the queue is full
 * the client with the most calls in it loses its latest.
 */
export class BoundedCalls {
  readonly #limits: CallLimits
  readonly #runningOfClient: number
  /** Clients with calls; whose turn is next comes first. */
  readonly #clients = new Map<string, ClientCalls>()
  #running = 0
  #waiting = 0

  constructor(limits: CallLimits) {
    this.#limits = limits
    this.#runningOfClient = limits.runningOfClient ?? limits.running
  }

  /** Whether another call of a single client would be turned away. */
  get isFull(): boolean {
    return this.#running >= this.#limits.running && this.#waiting >= this.#limits.waiting
  }

  /** Rejects with {@link TooManyCalls} if the queue is full, or with the signal's reason if that aborts first. */
  async run<T>(call: () => Promise<T>, signal: AbortSignal, client = ''): Promise<T> {
    const calls = this.#callsOf(client)
    if (this.#running < this.#limits.running && calls.running < this.#runningOfClient) this.#begin(calls)
    else await this.#turn(calls, signal)
    try {
      return await call()
    } finally {
      this.#running--
      calls.running--
      this.#next()
      this.#forget(client, calls)
    }
  }

  #callsOf(client: string): ClientCalls {
    const known = this.#clients.get(client)
    if (known !== undefined) return known
    const calls = { running: 0, waiting: [] }
    this.#clients.set(client, calls)
    return calls
  }

  #forget(client: string, calls: ClientCalls): void {
    if (calls.running === 0 && calls.waiting.length === 0) this.#clients.delete(client)
  }

  #begin(calls: ClientCalls): void {
    this.#running++
    calls.running++
  }

  /** The longest waiting call of the client whose turn it is. */
  #next(): void {
    for (const [client, calls] of this.#clients) {
      if (calls.running >= this.#runningOfClient) continue
      const first = calls.waiting.shift()
      if (first === undefined) continue
      this.#waiting--
      this.#clients.delete(client)
      this.#clients.set(client, calls)
      this.#begin(calls)
      first.start()
      return
    }
  }

  #turn(calls: ClientCalls, signal: AbortSignal): Promise<void> {
    if (this.#waiting >= this.#limits.waiting && !this.#makeRoom(calls)) {
      return Promise.reject(new TooManyCalls('too many calls are waiting'))
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        calls.waiting.splice(calls.waiting.indexOf(waiting), 1)
        this.#waiting--
        reject(signal.reason)
      }
      const waiting: Waiting = {
        start() {
          signal.removeEventListener('abort', leave)
          resolve()
        },
        fail(reason) {
          signal.removeEventListener('abort', leave)
          reject(reason)
        },
      }
      calls.waiting.push(waiting)
      this.#waiting++
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  /** Turns away the latest call of the client with the most, unless the one that asks would then have as many. */
  #makeRoom(asking: ClientCalls): boolean {
    let most = asking
    for (const calls of this.#clients.values()) if (calls.waiting.length > most.waiting.length) most = calls
    if (most.waiting.length <= asking.waiting.length + 1) return false
    this.#waiting--
    most.waiting.pop()?.fail(new TooManyCalls('others are waiting with fewer calls'))
    return true
  }
}
