import type { Clock } from './clock.js'

/** How long a clock must have stood ahead before it is believed, ms. */
const PROBATION = 3_600_000

/**
 * The time as far as it may be used to forget: a clock that is ahead for a while, as many are between a machine's boot and
 * its first word with a time server, must not end revocations that are still needed. A clock is believed at once when
 * it goes back, and after an hour when it goes ahead; in a process's first hour nothing is certain.
 */
export class SettledTime {
  readonly #clock: Pick<Clock, 'now' | 'elapsed'>
  /** What the clock shows beyond the time that has elapsed: constant, but for a clock that is set. */
  #believed = Number.NEGATIVE_INFINITY
  #claimed: { ahead: number; readonly since: number } | undefined

  constructor(clock: Pick<Clock, 'now' | 'elapsed'>) {
    this.#clock = clock
  }

  /** Epoch ms, not later than it is; 0 while that is not known. To be asked every now and then: what was is not known. */
  now(): number {
    const elapsed = this.#clock.elapsed()
    const ahead = this.#clock.now() - elapsed
    if (ahead <= this.#believed) {
      this.#believed = ahead
      this.#claimed = undefined
    } else {
      this.#claimed ??= { ahead, since: elapsed }
      this.#claimed.ahead = Math.min(this.#claimed.ahead, ahead)
      if (elapsed - this.#claimed.since >= PROBATION) {
        this.#believed = this.#claimed.ahead
        this.#claimed = undefined
      }
    }
    return Math.max(0, this.#believed + elapsed)
  }
}
