import { backoffDelay, jittered } from './backoff.js'

/** How long to wait between attempts to reach a broker. All in milliseconds. */
export interface RetryTiming {
  /** The shortest wait, after the first failure. */
  readonly base: number
  /** The longest wait after an ordinary failure. */
  readonly max: number
  /** The wait after a refusal that an operator has to fix: credentials, permissions. */
  readonly slow: number
  /** A connection that lasted this long resets the count of failures. */
  readonly stableAfter: number
}

/** What a topic says while nobody is subscribed is lost where there is no store: a broker that is back is found soon. */
export const DEFAULT_RETRY_TIMING: RetryTiming = { base: 100, max: 5_000, slow: 60_000, stableAfter: 30_000 }

/** The next attempt: which broker, and when. */
export interface Attempt {
  readonly index: number
  readonly at: number
}

/**
 * Decides which of several brokers to try next, and when. Each has its own back-off (exponential, with jitter), so that
 * one that refuses does not delay the others; between any two attempts at least `base` passes.
 * Pure: `now` and `random` are arguments.
 */
export class RetrySchedule {
  readonly #timing: RetryTiming
  readonly #random: () => number
  readonly #notBefore: number[]
  readonly #failures: number[]
  #restUntil = Number.NEGATIVE_INFINITY
  #last = -1

  /** `random` gives numbers in [0, 1), as Math.random does. Throws a RangeError if there is no broker. */
  constructor(brokers: number, timing: RetryTiming, random: () => number) {
    if (!(brokers >= 1)) throw new RangeError('brokers: at least one is required')
    const { base, max, slow } = timing
    if (!(base > 0 && max >= base && slow >= base)) {
      throw new RangeError('backoff: base must be positive, max and slow no less than base')
    }
    this.#timing = timing
    this.#random = random
    this.#notBefore = new Array<number>(brokers).fill(Number.NEGATIVE_INFINITY)
    this.#failures = new Array<number>(brokers).fill(0)
  }

  /** The broker that may be tried soonest; among equals, in turn. */
  next(now: number): Attempt {
    const count = this.#notBefore.length
    let index = -1
    let at = Number.POSITIVE_INFINITY
    for (let step = 1; step <= count; step++) {
      const candidate = (this.#last + step) % count
      const due = Math.max(now, this.#restUntil, this.#notBefore[candidate] ?? 0)
      if (due < at) {
        index = candidate
        at = due
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

  /** A live connection was lost after `livedFor` ms. */
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

  #jittered(ms: number): number {
    return Math.max(this.#timing.base, jittered(ms, this.#random()))
  }
}
