import { backoffDelay, type Clock, jittered } from '../time/index.js'

const PARALLEL = 32
const RETRY_FIRST = 100
/** Longest wait, ms, before a refused put is tried again. */
const REFUSED_LAST = 30_000
/** Longest wait, ms, before the next put while the store is unreachable. */
const UNREACHABLE_LAST = 5_000
/** Least average interval, ms, between retries of refused puts: a store whose password changed refuses all of them. */
const REFUSED_PACE = 250

export interface PutQueueOptions<Put> {
  /** Makes one attempt. Never rejects. */
  attempt(put: Put): Promise<void>
  /** Called after each change: there may be space for more. */
  pumped(): void
  readonly clock: Clock
}

/**
 * When each put is attempted: up to 32 at a time, in order. A failed put waits for its own back-off and delays no other;
 * while the store is unreachable all wait, and one put at a time is tried.
 */
export class PutQueue<Put extends { readonly failures: number }> {
  readonly #options: PutQueueOptions<Put>
  readonly #clock: Clock
  readonly #queue: Put[] = []
  /** Puts that wait for their next attempt, with a function that retries now. */
  readonly #delayed = new Map<Put, () => void>()
  readonly #underWay = new Set<Promise<void>>()
  /** Attempts in a row that did not reach the store. */
  #unreached = 0
  #isPaused = true
  #isStopped = false

  constructor(options: PutQueueOptions<Put>) {
    this.#options = options
    this.#clock = options.clock
  }

  /** Puts that are due. */
  get due(): number {
    return this.#queue.length
  }

  /** Puts that wait for their next attempt. */
  get delayed(): number {
    return this.#delayed.size
  }

  get isUnreachable(): boolean {
    return this.#unreached > 0
  }

  start(): void {
    this.#isPaused = false
    this.pump()
  }

  /** Adds a put that is due; {@link pump} attempts it. */
  add(put: Put): void {
    this.#queue.push(put)
  }

  /** Attempts what is due. */
  pump(): void {
    const limit = () => (this.isUnreachable ? 1 : PARALLEL)
    while (!this.#isPaused && !this.#isStopped && this.#underWay.size < limit()) {
      const next = this.#queue.shift()
      if (next === undefined) break
      const attempt = this.#options.attempt(next).finally(() => {
        this.#underWay.delete(attempt)
        this.pump()
      })
      this.#underWay.add(attempt)
    }
    this.#options.pumped()
  }

  /** Adds a put that failed: it is due after its back-off. `wasRefused`: the store answered. */
  delay(put: Put, wasRefused: boolean): void {
    const retry = () => {
      cancel()
      this.#delayed.delete(put)
      this.#queue.push(put)
      this.pump()
    }
    const wait = this.#wait(put.failures, wasRefused ? REFUSED_LAST : UNREACHABLE_LAST)
    const cancel = this.#clock.after(Math.max(REFUSED_PACE * this.#delayed.size, wait), retry)
    this.#delayed.set(put, retry)
  }

  /** Makes all delayed puts due. */
  retryDelayed(): void {
    for (const retry of [...this.#delayed.values()]) retry()
  }

  /** The store answered. */
  reached(): void {
    this.#unreached = 0
  }

  /** The store did not answer: pauses. */
  unreached(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#unreached++
    this.#clock.after(this.#wait(this.#unreached, UNREACHABLE_LAST), () => {
      this.#isPaused = false
      this.pump()
    })
  }

  /** Attempts nothing more; resolves when the attempts under way have ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#underWay)
  }

  #wait(failures: number, max: number): number {
    return jittered(backoffDelay(failures, { first: RETRY_FIRST, max }), this.#clock.random())
  }
}
