import { type Clock, systemClock } from './clock.js'
import { LONGEST_TIMER } from './timers.js'

/**
 * Whether the list is known, for as long as its lease runs. Tells listeners once each time it stops being known: from a
 * timer, or from the first read of {@link isKnown} after that. A process that was suspended handles pending input before
 * any timer, so read {@link isKnown} before passing anything on.
 */
export class KnownStatus {
  readonly #remaining: () => number
  readonly #clock: Pick<Clock, 'after'>
  readonly #listeners = new Set<() => void>()
  #wasKnown = false
  #cancel: (() => void) | undefined

  /** @param remaining milliseconds for which the list is still known, by a monotonic clock; Infinity for ever */
  constructor(remaining: () => number, clock: Pick<Clock, 'after'> = systemClock) {
    this.#remaining = remaining
    this.#clock = clock
  }

  /** Whether the list is known. If it was at the last read and is not now, the listeners are told first. */
  get isKnown(): boolean {
    const remaining = this.#remaining()
    if (remaining > 0) {
      this.#wasKnown = true
      if (this.#cancel === undefined && remaining !== Number.POSITIVE_INFINITY) this.#checkAfter(remaining)
      return true
    }
    if (!this.#wasKnown) return false
    this.#wasKnown = false
    for (const listener of this.#listeners) listener()
    return false
  }

  /** Calls `listener`, synchronously, when the list stops being known. */
  onUnknown(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    this.#cancel?.()
  }

  #checkAfter(delay: number): void {
    this.#cancel = this.#clock.after(Math.min(delay, LONGEST_TIMER), () => {
      this.#cancel = undefined
      void this.isKnown
    })
  }
}
