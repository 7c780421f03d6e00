/** Milliseconds within which a store answers, as a rule. */
const FIRST = 10_000

/**
 * How long a listing may go without a sign of the store before it is given up, so that one that is stuck does not hold
 * up the next. Twice as long after each time that it was too short, and then ample for as long as the store has needed:
 * one that has to gather a million entries before its first byte can be listed all the same.
 */
export class Patience {
  readonly #first: number
  readonly #most: number
  #ms: number

  /** @param most milliseconds that a whole listing may take */
  constructor(most: number, first = FIRST) {
    this.#most = most
    this.#first = Math.min(first, most)
    this.#ms = this.#first
  }

  get ms(): number {
    return this.#ms
  }

  /** Nothing came in time. */
  lost(): void {
    this.#ms = Math.min(this.#most, this.#ms * 2)
  }

  /** The answer began after so many milliseconds. */
  rewarded(ms: number): void {
    this.#ms = Math.min(this.#most, Math.max(this.#first, ms * 2))
  }
}
