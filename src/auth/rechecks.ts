import type { TokenFlights } from './token-cache.js'

/**
 * When a cached answer must be asked for again because tokens were revoked: an answer to a question that was asked before
 * a revocation is used no longer than `bound` after it. Revocations of the same half of that bound count as one. From the
 * end of such a half until that of the next, older answers are due: they may be used while they are asked for again.
 *
 * A question counts as asked in the generation of {@link TokenFlights} in which its flight starts.
 */
export class Rechecks {
  readonly #half: number
  readonly #flights: TokenFlights
  readonly #now: () => number
  #oldest: number
  /** Until when answers that are due may be used; infinite: none is due. */
  #dueUntil = Number.POSITIVE_INFINITY
  #revokedSince = false

  /**
   * @param bound milliseconds
   * @param now monotonic milliseconds
   */
  constructor(bound: number, flights: TokenFlights, now: () => number = () => performance.now()) {
    this.#half = bound / 2
    this.#flights = flights
    this.#now = now
    this.#oldest = flights.generation
  }

  /** Answers of earlier generations must not be used. Cheap while none is due. */
  get oldest(): number {
    if (this.#dueUntil !== Number.POSITIVE_INFINITY) this.#advance()
    return this.#oldest
  }

  /** Whether an answer of this generation should be asked for again. */
  isDue(generation: number): boolean {
    return generation < this.#flights.generation
  }

  /** A token was revoked: answers to what was asked before may be wrong. */
  revoked(): void {
    this.#advance()
    if (this.#dueUntil !== Number.POSITIVE_INFINITY) this.#revokedSince = true
    else this.#begin(this.#now())
  }

  /** No answer to what was asked before is used again. */
  flush(): void {
    this.#flights.forget()
    this.#oldest = this.#flights.generation
    this.#dueUntil = Number.POSITIVE_INFINITY
    this.#revokedSince = false
  }

  #begin(at: number): void {
    this.#flights.forget()
    this.#dueUntil = at + this.#half
    this.#revokedSince = false
  }

  #advance(): void {
    const now = this.#now()
    while (now >= this.#dueUntil) {
      this.#oldest = this.#flights.generation
      if (this.#revokedSince) this.#begin(this.#dueUntil)
      else this.#dueUntil = Number.POSITIVE_INFINITY
    }
  }
}
