import { type Clock, systemClock } from './clock.js'
import { readTimeBounds, type TimeBounds, type TrustedClock } from './trusted-clock.js'

/** Milliseconds between two checkpoints. */
const INTERVAL = 60_000

/** What a run leaves to the next one. */
export interface Checkpoint extends TimeBounds {
  /** Revocations of tokens whose `exp` lies before this (epoch ms) may be gone: a later run must not accept these tokens. */
  readonly expired: number
}

/** The times (epoch ms) that a list is swept by, and before which tokens have ended. */
export interface SweepBounds {
  /** Tokens whose `exp` lies before this are accepted no more: their revocations may be dropped. */
  readonly expired: number
  /** {@link TimeBounds.retained} */
  readonly retained: number
  /** Tokens whose `exp` and skew lie before this have ended, whatever the clock says; -Infinity while nothing is certain. */
  readonly endedBefore: number
  /** Tokens whose `exp` lies before this have ended, whatever the skew of now: an earlier run may have dropped their revocations. */
  readonly droppedBefore: number
}

/**
 * Keeps the trusted clock's bounds in the journal, and sweeps the list by what is kept there: so a restart knows that the
 * tokens of swept entries have ended, whatever the clock says then, and however long it accepts tokens after their `exp`.
 */
export class ClockCheckpoint {
  readonly #trusted: TrustedClock
  readonly #skew: number
  readonly #note: (checkpoint: Checkpoint) => void
  readonly #clock: Pick<Clock, 'after'>
  #noted: TimeBounds | undefined
  #expired: number
  #cancel = () => {}

  /**
   * @param skew milliseconds for which tokens are accepted after their `exp`
   * @param earlier what an earlier run noted
   * @param note writes a checkpoint to the journal
   */
  constructor(
    trusted: TrustedClock,
    skew: number,
    earlier: Pick<Checkpoint, 'expired'> | undefined,
    note: (checkpoint: Checkpoint) => void,
    clock: Pick<Clock, 'after'> = systemClock,
  ) {
    this.#trusted = trusted
    this.#skew = skew
    this.#expired = earlier?.expired ?? Number.NEGATIVE_INFINITY
    this.#note = note
    this.#clock = clock
  }

  /** See {@link SweepBounds.endedBefore}. It advances as time does. */
  get endedBefore(): number {
    return this.#trusted.latest
  }

  /** See {@link SweepBounds.droppedBefore}. A time that is believed no more, since the clock went back, does not count. */
  get droppedBefore(): number {
    return Math.min(this.#expired, this.#trusted.latest)
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

  /** By the last checkpoint, unless the clock went back since. Call every second, to see clock changes. */
  sweepBounds(): SweepBounds {
    const now = this.#trusted.bounds()
    const { earliest, retained } = this.#noted ?? now
    const expired = Math.max(0, Math.min(earliest, now.earliest) - this.#skew)
    return { expired, retained, endedBefore: this.endedBefore, droppedBefore: this.droppedBefore }
  }

  #noteNow(): void {
    const noted = this.#trusted.bounds()
    this.#expired = Math.max(Math.min(this.#expired, noted.latest), noted.earliest - this.#skew, 0)
    this.#noted = noted
    this.#note({ ...noted, expired: this.#expired })
  }
}

/** Reads an earlier run's checkpoint; `undefined` for anything else. */
export function readCheckpoint(value: unknown): Checkpoint | undefined {
  const bounds = readTimeBounds(value)
  if (bounds === undefined) return undefined
  const { expired } = value as Partial<Record<keyof Checkpoint, unknown>>
  // An older version noted neither this nor its skew: there may have been none.
  const isNoted = typeof expired === 'number' && Number.isFinite(expired) && expired >= 0
  return { ...bounds, expired: isNoted ? expired : bounds.earliest }
}
