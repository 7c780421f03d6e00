import type { Clock } from '../../src/time/clock.js'

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  #now = 1_700_000_000_000
  #timers: { at: number; action: () => void }[] = []

  now(): number {
    return this.#now
  }

  elapsed(): number {
    return this.#now
  }

  after(delay: number, action: () => void): () => void {
    const timer = { at: this.#now + delay, action }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  random(): number {
    return 1
  }

  /** Milliseconds until the next timer falls due; `undefined` if there is none. */
  untilNext(): number | undefined {
    return this.#timers.length === 0 ? undefined : Math.min(...this.#timers.map(({ at }) => at)) - this.#now
  }

  /** Lets `ms` pass, and every timer that falls due with it, in order. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== due)
      this.#now = due.at
      due.action()
    }
    this.#now = end
  }
}
