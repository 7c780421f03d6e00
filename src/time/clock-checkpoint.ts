import { type Clock, systemClock } from './clock.js'
import type { TimeBounds, TrustedClock } from './trusted-clock.js'

/** Milliseconds between two checkpoints. */
const INTERVAL = 60_000

/**
 * Keeps the trusted clock's bounds in the journal, and sweeps the list by what is kept there: so a restart knows that the
 * tokens of swept entries have ended, whatever the clock says then.
 */
export class ClockCheckpoint {
  readonly #trusted: TrustedClock
  readonly #note: (bounds: TimeBounds) => void
  readonly #clock: Pick<Clock, 'after'>
  #noted: TimeBounds | undefined
  #cancel = () => {}

  /** @param note writes the bounds to the journal */
  constructor(trusted: TrustedClock, note: (bounds: TimeBounds) => void, clock: Pick<Clock, 'after'> = systemClock) {
    this.#trusted = trusted
    this.#note = note
    this.#clock = clock
  }

  /** Writes a checkpoint now and every minute. */
  start(): void {
    this.#noteNow()
    this.#cancel = this.#clock.after(INTERVAL, () => this.start())
  }

  /** Writes a last checkpoint. */
  stop(): void {
    this.#cancel()
    this.#noteNow()
  }

  /** The bounds to sweep by: the last checkpoint's, unless the clock went back since. Call every second, to see clock changes. */
  sweepBounds(): TimeBounds {
    const now = this.#trusted.bounds()
    const noted = this.#noted ?? now
    return { ...noted, earliest: Math.min(noted.earliest, now.earliest) }
  }

  #noteNow(): void {
    this.#noted = this.#trusted.bounds()
    this.#note(this.#noted)
  }
}
