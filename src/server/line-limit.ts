/** Lines of one kind a second: a client that goes on asking must not fill the disk. */
export const LINES_A_SECOND = 10
/** How long after the first line that is left out it is said how many were, ms, if no other line says it before. */
const SUMMARY_AFTER = 1_000

/** Lets {@link LINES_A_SECOND} lines of one kind be written, and counts those that are left out, so that none is lost silently. */
export class LineLimit {
  readonly #summarise: (leftOut: number) => void
  #second = 0
  #written = 0
  #leftOut = 0

  /** @param summarise writes a line that says how many were left out; called at most once a second */
  constructor(summarise: (leftOut: number) => void) {
    this.#summarise = summarise
  }

  /**
   * The fields that the next line has to say beside its own: how many were left out before it, if any were. `undefined`:
   * that line is left out as well.
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
