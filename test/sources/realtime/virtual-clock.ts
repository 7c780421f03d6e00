import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../../src/sources/realtime/broker/reconnect.js'

interface Waiter {
  readonly at: number
  readonly wake: () => void
}

/** Time that stands still until a test moves it to the next moment that somebody waits for. */
export class VirtualClock implements Clock {
  #now = 0
  readonly #waiters = new Set<Waiter>()

  now(): number {
    return this.#now
  }

  wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const waiter = { at: this.#now + ms, wake: () => done() }
      const done = () => {
        this.#waiters.delete(waiter)
        resolve()
      }
      this.#waiters.add(waiter)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  /** Lets everything run that needs no time. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) await turn()
  }

  /** Lets `ms` pass without waking anybody before its moment. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms
    await this.settle()
    for (let next = this.#earliest(); next !== undefined && next.at <= until; next = this.#earliest()) {
      this.#now = next.at
      next.wake()
      await this.settle()
    }
    this.#now = until
  }

  #earliest(): Waiter | undefined {
    let first: Waiter | undefined
    for (const waiter of this.#waiters) if (first === undefined || waiter.at < first.at) first = waiter
    return first
  }
}
