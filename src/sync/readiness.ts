import { type Clock, KnownWatch } from '../time/index.js'

/** Whether the list is known, until when, and what makes it so. */
export class Readiness {
  readonly watch: KnownWatch
  #until = 0
  #by = ''
  #waiting: (() => void)[] = []

  /** @param always why the list counts as known at once and for ever; `undefined` if it does not */
  constructor(always: string | undefined, clock: Clock) {
    const remaining = () => (this.#until === Number.POSITIVE_INFINITY ? this.#until : this.#until - clock.elapsed())
    this.watch = new KnownWatch(remaining, clock)
    if (always !== undefined) this.become(Number.POSITIVE_INFINITY, always)
  }

  /** By the clock's `elapsed`; 0 as long as it has never been known. */
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

  /** Makes it unknown. Returns whether it was known before. */
  lose(): boolean {
    const wasKnown = this.#until > 0
    this.#until = 0
    this.#by = ''
    void this.watch.isKnown
    return wasKnown
  }

  /** Makes it known until then (by the clock's `elapsed`). Returns whether that is the first time. */
  become(until: number, by: string): boolean {
    const isFirst = this.#until === 0
    void this.watch.isKnown // what ended with it must not go on because it is known again
    this.#until = until
    this.#by = by
    for (const resolve of this.#waiting.splice(0)) resolve()
    return isFirst
  }
}
