import { backoffDelay, jittered } from './backoff.js'

/** How long to wait between attempts to reach a broker. All in milliseconds. */
export interface RetryTiming {
  /** The shortest wait, after the first failure. */
  readonly base: number
  /** The longest wait after an ordinary failure. */
  readonly max: number
  /** The wait after a refusal that a person has to mend: credentials, permissions. */
  readonly slow: number
  /** A connection that lived for so long makes earlier failures forgotten. */
  readonly stableAfter: number
}

export const DEFAULT_RETRY_TIMING: RetryTiming = { base: 100, max: 30_000, slow: 60_000, stableAfter: 30_000 }

/** The next attempt: which broker, at what moment. */
export interface Attempt {
  readonly index: number
  readonly at: number
}

/**
 * Decides which of several brokers to try next, and when. Each has its own back-off (doubling, with jitter), so that
 * one that refuses us does not delay the others; between any two attempts there is at least the base's wait.
 * Pure: `now` and `random` come from outside.
 */
export class RetrySchedule {
  readonly #timing: RetryTiming
  readonly #random: () => number
  readonly #notBefore: number[]
  readonly #failures: number[]
  #restUntil = Number.NEGATIVE_INFINITY
  #last = -1

  /** `random` gives numbers in [0, 1), as Math.random does. Throws a RangeError when there is no broker. */
  constructor(brokers: number, timing: RetryTiming, random: () => number) {
    if (!(brokers >= 1)) throw new RangeError('brokers: there must be at least one')
    const { base, max, slow } = timing
    if (!(base > 0 && max >= base && slow >= base)) {
      throw new RangeError('backoff: base must be positive, max and slow no less than base')
    }
    this.#timing = timing
    this.#random = random
    this.#notBefore = new Array<number>(brokers).fill(Number.NEGATIVE_INFINITY)
    this.#failures = new Array<number>(brokers).fill(0)
  }

  /** The broker that may be tried soonest; among equals the one whose turn it is. */
  next(now: number): Attempt {
    const count = this.#notBefore.length
    let index = -1
    let at = Number.POSITIVE_INFINITY
    for (let step = 1; step <= count; step++) {
      const candidate = (this.#last + step) % count
      const moment = Math.max(now, this.#restUntil, this.#notBefore[candidate] ?? 0)
      if (moment < at) {
        index = candidate
        at = moment
      }
    }
    this.#last = index
    return { index, at }
  }

  /** The attempt at a broker failed. */
  failed(index: number, now: number, slow: boolean): void {
    const failures = this.#failures[index] ?? 0
    this.#failures[index] = failures + 1
    this.#notBefore[index] = now + (slow ? this.#jittered(this.#timing.slow) : this.#delay(failures))
    this.#restUntil = now + this.#delay(0)
  }

  /** A connection that had been live is gone. */
  lost(index: number, now: number, livedFor: number, slow: boolean): void {
    if (livedFor >= this.#timing.stableAfter) {
      this.#failures.fill(0)
    }
    this.failed(index, now, slow)
  }

  #delay(failures: number): number {
    const { base, max } = this.#timing
    return this.#jittered(backoffDelay(failures + 1, { first: 2 * base, max }))
  }

  /** Between half of `upper` and `upper`, never below the base. */
  #jittered(upper: number): number {
    return Math.max(this.#timing.base, jittered(upper, this.#random()))
  }
}
