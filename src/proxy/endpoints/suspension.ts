/** Milliseconds that a request which tries may take, at least, before another one may. */
const MIN_TRIAL = 1_000

/**
 * Keeps an endpoint out of use for a time, then lets one request try whether it is back, and another each time that this
 * takes as long again: a slow upload says nothing for minutes. Milliseconds of any clock.
 */
export class Suspension {
  #until: number | undefined
  #time = 0
  /** Since when a request tries. */
  #triedSince: number | undefined

  get isOn(): boolean {
    return this.#until !== undefined
  }

  /** Whether it is time to try, and nobody does yet, or has for too long. */
  isDue(now: number): boolean {
    if (this.#until === undefined || now < this.#until) return false
    return this.#triedSince === undefined || now - this.#triedSince >= Math.max(this.#time, MIN_TRIAL)
  }

  /** Whether a request may go there: nothing is suspended, or it is the one that tries. */
  admits(now: number): boolean {
    return this.#until === undefined || this.isDue(now)
  }

  begin(now: number, time: number): void {
    this.#until = now + time
    this.#time = time
    this.#triedSince = undefined
  }

  /** A request goes there. Whether it is one that tries: `begin`, `end` or `giveUp` must follow. */
  enter(now: number): boolean {
    if (!this.isDue(now)) return false
    this.#triedSince = now
    return true
  }

  /** A request that tried has ended without saying anything: the next one tries. */
  giveUp(): void {
    this.#triedSince = undefined
  }

  end(): void {
    this.#until = undefined
    this.#triedSince = undefined
  }
}
