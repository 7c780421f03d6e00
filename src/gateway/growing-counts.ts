/**
 * Makes counts that may shrink, as those of a listing, into counts that only grow: what comes anew is added, what goes
 * takes nothing away.
 */
export class GrowingCounts {
  readonly #last = new Map<string, number>()
  readonly #total = new Map<string, number>()

  /** All that was ever counted under a name of which there are `count` now. */
  grow(name: string, count: number): number {
    const more = Math.max(0, count - (this.#last.get(name) ?? 0))
    const total = (this.#total.get(name) ?? 0) + more
    this.#last.set(name, count)
    this.#total.set(name, total)
    return total
  }
}
