/** A token bucket: so many events at once, and so many a second. */
export class RateLimit {
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #at = 0

  constructor({ burst, perSecond }: { readonly burst: number; readonly perSecond: number }) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
  }

  /** Counts an event; false: it is one too many. `now` in milliseconds, of a clock that never goes back. */
  allows(now: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#at) * this.#perSecond) / 1_000)
    this.#at = now
    return --this.#left >= 0
  }
}
