/** Keeps an endpoint out of use until a time, then lets one request try whether it is back. Milliseconds of any clock. */
export class Suspension {
  #until: number | undefined
  #isTried = false

  get isOn(): boolean {
    return this.#until !== undefined
  }

  /** Whether it is time to try, and nobody does yet. */
  isDue(now: number): boolean {
    return this.#until !== undefined && now >= this.#until && !this.#isTried
  }

  /** Whether a request may go there: nothing is suspended, or it is the one that tries. */
  admits(now: number): boolean {
    return this.#until === undefined || this.isDue(now)
  }

  begin(until: number): void {
    this.#until = until
    this.#isTried = false
  }

  /** A request goes there. Whether it is the one that tries: `begin`, `end` or `giveUp` must follow. */
  enter(now: number): boolean {
    if (!this.isDue(now)) return false
    this.#isTried = true
    return true
  }

  /** The request that tried has ended without saying anything: the next one tries. */
  giveUp(): void {
    this.#isTried = false
  }

  end(): void {
    this.#until = undefined
    this.#isTried = false
  }
}
