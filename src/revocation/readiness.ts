/** Whether the list is known, until when, and what makes it so. */
export class Readiness {
  #until = 0
  #by = ''
  #waiting: (() => void)[] = []

  /** @param always why the list counts as known at once and for ever; `undefined` if it does not */
  constructor(always: string | undefined) {
    if (always !== undefined) this.become(Number.POSITIVE_INFINITY, always)
  }

  /** Epoch ms; 0 as long as it has never been known. */
  get until(): number {
    return this.#until
  }

  /** For people. */
  get by(): string {
    return this.#by
  }

  /** Resolves when the list is known for the first time. */
  known(): Promise<void> {
    if (this.#until > 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Makes it known until then (epoch ms). Returns whether that is the first time. */
  become(until: number, by: string): boolean {
    const isFirst = this.#until === 0
    this.#until = until
    this.#by = by
    for (const resolve of this.#waiting.splice(0)) resolve()
    return isFirst
  }
}
