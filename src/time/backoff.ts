/** Beyond this many doublings every delay has reached its limit. */
const MAX_DOUBLINGS = 40

/** The limits of an exponential back-off, ms. */
export interface BackoffLimits {
  /** The delay after the first failure. */
  readonly first: number
  /** The longest delay. */
  readonly max: number
}

/** The delay (ms) after so many failures in a row, 1 or more: twice as long after each, up to the limit. */
export function backoffDelay(failures: number, { first, max }: BackoffLimits): number {
  return Math.min(max, first * 2 ** Math.min(failures - 1, MAX_DOUBLINGS))
}

/** Half of a delay, and a random part of the other half, so that a fleet does not come back at one moment. */
export function jittered(delay: number, random: number = Math.random()): number {
  return (delay / 2) * (1 + random)
}

/** The delays between attempts at one thing, which double with each failure until one succeeds. */
export class Backoff {
  readonly #limits: BackoffLimits
  readonly #random: (() => number) | undefined
  #failures = 0

  /** @param random numbers in [0, 1), as Math.random's, for jitter; without it delays are exact */
  constructor(limits: BackoffLimits, random?: () => number) {
    this.#limits = limits
    this.#random = random
  }

  /** The delay (ms) until the next attempt, after one that failed. */
  next(): number {
    const delay = backoffDelay(++this.#failures, this.#limits)
    return this.#random === undefined ? delay : jittered(delay, this.#random())
  }

  /** An attempt succeeded: the next delay is the first again. */
  reset(): void {
    this.#failures = 0
  }
}
