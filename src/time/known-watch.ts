import { type Clock, systemClock } from './clock.js'

/**
 * Tells, once each time, that a list has ceased to be known: by a timer, or by whoever asks first. A process that stood
 * still wakes to what came meanwhile before any timer, so that whoever passes something on asks before each part of it.
 */
export class KnownWatch {
  readonly #remaining: () => number
  readonly #clock: Pick<Clock, 'after'>
  readonly #listeners = new Set<() => void>()
  #wasKnown = false
  #cancel: (() => void) | undefined

  /** @param remaining milliseconds for which the list is known yet, by a clock that is never set; Infinity for ever */
  constructor(remaining: () => number, clock: Pick<Clock, 'after'> = systemClock) {
    this.#remaining = remaining
    this.#clock = clock
  }

  /** Whether the list is known. The listeners have been told if it was when this was asked last, and is not now. */
  get isKnown(): boolean {
    const remaining = this.#remaining()
    if (remaining > 0) {
      this.#wasKnown = true
      if (this.#cancel === undefined && remaining !== Number.POSITIVE_INFINITY) this.#lookAfter(remaining)
      return true
    }
    if (!this.#wasKnown) return false
    this.#wasKnown = false
    for (const listener of this.#listeners) listener()
    return false
  }

  /** Calls `listener`, synchronously, when the list ceases to be known. */
  onUnknown(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    this.#cancel?.()
  }

  #lookAfter(delay: number): void {
    this.#cancel = this.#clock.after(Math.min(delay, LONGEST_TIMER), () => {
      this.#cancel = undefined
      void this.isKnown
    })
  }
}

/** The longest that Node's timers can wait, ms. */
const LONGEST_TIMER = 2 ** 31 - 1
