/** Counts requests and failures of the last while, in buckets that are forgotten one by one. Milliseconds of any clock. */
export class RollingWindow {
  readonly #bucketSize: number
  readonly #requests: number[]
  readonly #failures: number[]
  /** The number of the newest bucket, counted from the clock's zero. */
  #newest = 0
  #total = { requests: 0, failures: 0 }

  constructor(size: number, bucketSize: number) {
    const buckets = Math.max(1, Math.ceil(size / bucketSize))
    this.#bucketSize = bucketSize
    this.#requests = new Array<number>(buckets).fill(0)
    this.#failures = new Array<number>(buckets).fill(0)
  }

  /** Counts a request, and gives all that the window holds. The result is valid until the next call. */
  count(now: number, hasFailed: boolean): { readonly requests: number; readonly failures: number } {
    const at = this.#moveOn(now)
    this.#requests[at] = (this.#requests[at] ?? 0) + 1
    this.#total.requests++
    if (hasFailed) {
      this.#failures[at] = (this.#failures[at] ?? 0) + 1
      this.#total.failures++
    }
    return this.#total
  }

  clear(): void {
    this.#requests.fill(0)
    this.#failures.fill(0)
    this.#total = { requests: 0, failures: 0 }
  }

  #moveOn(now: number): number {
    const buckets = this.#requests.length
    const newest = Math.floor(now / this.#bucketSize)
    if (newest - this.#newest >= buckets) this.clear()
    for (let next = Math.max(this.#newest + 1, newest - buckets + 1); next <= newest; next++) {
      const at = next % buckets
      this.#total.requests -= this.#requests[at] ?? 0
      this.#total.failures -= this.#failures[at] ?? 0
      this.#requests[at] = 0
      this.#failures[at] = 0
    }
    this.#newest = newest
    return newest % buckets
  }
}
