/** Milliseconds within which a healthy store answers. */
const FIRST = 10_000

/**
 * How long a listing may wait for a sign of the store before it is given up, so that a stuck one does not delay the next.
 * Doubles after each time-out, then settles at twice what the store last needed: a store that gathers a million entries
 * before its first byte can be listed, too.
 */
export class AdaptiveTimeout {
  readonly #first: number
  readonly #most: number
  #ms: number

  /** @param most milliseconds that a whole listing may take */
  constructor(most: number, first = FIRST) {
    this.#most = most
    this.#first = Math.min(first, most)
    this.#ms = this.#first
  }

  /** The time-out of the next call, ms. */
  get ms(): number {
    return this.#ms
  }

  /** The call timed out. */
  timedOut(): void {
    this.#ms = Math.min(this.#most, this.#ms * 2)
  }

  /** The answer began after `ms`. */
  answered(ms: number): void {
    this.#ms = Math.min(this.#most, Math.max(this.#first, ms * 2))
  }
}
