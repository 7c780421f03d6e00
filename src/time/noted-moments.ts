import { type Clock, systemClock } from './clock.js'
import type { Moments, TrustedClock } from './trusted-clock.js'

/** How often the moments are noted, ms. */
const INTERVAL = 60_000

/**
 * The moments by which the list is swept: those that the journal was told last, so that a restart knows of what was
 * dropped that tokens which ended by then have ended, whatever the clock says.
 */
export class NotedMoments {
  readonly #trusted: TrustedClock
  readonly #note: (moments: Moments) => void
  readonly #clock: Pick<Clock, 'after'>
  #noted: Moments | undefined
  #cancel = () => {}

  constructor(trusted: TrustedClock, note: (moments: Moments) => void, clock: Pick<Clock, 'after'> = systemClock) {
    this.#trusted = trusted
    this.#note = note
    this.#clock = clock
  }

  /** Notes them now, and every minute. */
  start(): void {
    this.#noteNow()
    this.#cancel = this.#clock.after(INTERVAL, () => this.start())
  }

  /** Notes them once more. */
  stop(): void {
    this.#cancel()
    this.#noteNow()
  }

  /** What may be swept by, unless the clock has gone back since. To be asked every second: so the clock's jumps are seen. */
  sweptBy(): Moments {
    const now = this.#trusted.moments()
    const noted = this.#noted ?? now
    return { ...noted, earliest: Math.min(noted.earliest, now.earliest) }
  }

  #noteNow(): void {
    this.#noted = this.#trusted.moments()
    this.#note(this.#noted)
  }
}
