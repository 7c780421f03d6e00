/**
 * The way between a gateway and one of its sources: whole while nothing is done to the source or to the network between.
 * What is done may overlap: each is told of twice, when it begins and when it is over.
 */
export class ConnectionPath {
  #broken = 0
  #wholeSince = 0

  /** Infinity while it is not whole. */
  get wholeSince(): number {
    return this.#broken > 0 ? Number.POSITIVE_INFINITY : this.#wholeSince
  }

  break(): void {
    this.#broken++
  }

  mend(now: number): void {
    if (--this.#broken === 0) this.#wholeSince = now
  }
}
