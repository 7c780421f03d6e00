/** Milliseconds of a slot; two slots are looked at. */
const SLOT = 10_000
/** Retries in two slots that are allowed in any case: a quiet API may retry, too. */
const FREE_RETRIES = 10

/** Bounds retries to a share of the requests of the last 10 to 20 s, so that they do not multiply an outage. */
export class RetryBudget {
  readonly #share: number
  #slot = 0
  #requests = 0
  #retries = 0
  #earlierRequests = 0
  #earlierRetries = 0

  /** @param percent of the requests that may be sent once more */
  constructor(percent: number) {
    this.#share = percent / 100
  }

  /** A request begins. `now`: milliseconds of any clock. */
  begin(now: number): void {
    this.#moveOn(now)
    this.#requests++
  }

  /** Whether one more retry is allowed, which then counts. */
  take(now: number): boolean {
    this.#moveOn(now)
    const retries = this.#retries + this.#earlierRetries
    if (this.#share === 0 || retries >= FREE_RETRIES + this.#share * (this.#requests + this.#earlierRequests)) {
      return false
    }
    this.#retries++
    return true
  }

  #moveOn(now: number): void {
    const slot = Math.floor(now / SLOT)
    if (slot === this.#slot) return
    const isNext = slot === this.#slot + 1
    this.#earlierRequests = isNext ? this.#requests : 0
    this.#earlierRetries = isNext ? this.#retries : 0
    this.#requests = 0
    this.#retries = 0
    this.#slot = slot
  }
}
