/** Lines of one kind per second: a client that keeps asking must not fill the disk. */
export const LINES_A_SECOND = 10
/** Milliseconds after the first suppressed line until a summary, unless another line reports the number before. */
const SUMMARY_AFTER = 1_000

/** Writes at most {@link LINES_A_SECOND} lines of one kind, and reports how many were suppressed. */
export class LineLimit {
  readonly #summarise: (leftOut: number) => void
  #second = 0
  #written = 0
  #leftOut = 0

  /** @param summarise writes a line with the number of suppressed lines; called at most once a second */
  constructor(summarise: (leftOut: number) => void) {
    this.#summarise = summarise
  }

  /**
   * Further fields of the next line: how many were suppressed before it, if any were. `undefined`: suppress that line
   * too.
   *
   * @param now epoch ms
   */
  next(now: number): { readonly leftOut?: number } | undefined {
    if (!this.#mayWrite(now)) {
      this.#leaveOut()
      return undefined
    }
    const leftOut = this.#leftOut
    this.#leftOut = 0
    return leftOut === 0 ? NONE : { leftOut }
  }

  #leaveOut(): void {
    if (this.#leftOut++ > 0) return
    setTimeout(() => {
      if (this.#leftOut === 0) return
      this.#summarise(this.#leftOut)
      this.#leftOut = 0
    }, SUMMARY_AFTER).unref()
  }

  #mayWrite(now: number): boolean {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#written = 0
    }
    return this.#written++ < LINES_A_SECOND
  }
}

const NONE = {}
