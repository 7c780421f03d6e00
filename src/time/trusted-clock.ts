import { type Clock, systemClock } from './clock.js'

const HOUR = 3_600_000
/** How long a clock must have stood ahead before it is believed, ms: as long as it jumped, but from an hour to a day. */
const PROBATION = { least: HOUR, most: 24 * HOUR }
/** How far the clock and the `Date` of a source may be apart and agree, ms. */
const AGREEMENT = 5 * 60_000
/** Servers whose `Date` is remembered: there are a few sources and issuers. */
const MAX_WITNESSES = 64
/** The time of whoever never had one: what is counted from here on fits into an entry. */
const LATEST_BEGINNING = Date.UTC(2090, 0)

/** By which moments (epoch ms) entries may be dropped, and tokens count as ended. */
export interface Moments {
  /** Not later than it is, as far as can be told: whose end was known, and lies before this, is not needed any more. */
  readonly earliest: number
  /** The time by which retention is counted: it advances with what has elapsed, and no clock that is set moves it. */
  readonly retained: number
  /** The latest that was ever believed, carried on: a token that ended before it has ended, whatever the clock says now. */
  readonly latest: number
}

/**
 * The time as far as it may be used to forget. The machine's clock alone will not do: one without a battery starts years
 * ago, another is a month ahead until its first word with a time server, and both may be set at any moment. So a clock
 * that jumped ahead, of the monotonic one or of what an earlier run noted, is believed when it has stood there for a
 * while, or at once when every source's `Date` agrees with it, and never while one contradicts it; one that goes back is
 * believed at once. A run counts on from the note of the last one: the time between the two is a jump like any other.
 */
export class TrustedClock {
  readonly #clock: Pick<Clock, 'now' | 'elapsed'>
  /** What the clock shows beyond the time that has elapsed: constant, but for a clock that is set. */
  #earliest: number
  #latest: number
  readonly #retained: number
  #claimed: { ahead: number; readonly since: number } | undefined
  #backSince: number | undefined
  readonly #witnesses = new Map<string, number>()

  /**
   * @param noted the {@link moments} of an earlier run
   * @param retainedFrom what retention was counted by, if there is no note (epoch ms); by default the clock
   */
  constructor(clock: Pick<Clock, 'now' | 'elapsed'> = systemClock, noted?: Moments, retainedFrom?: number) {
    this.#clock = clock
    const elapsed = clock.elapsed()
    const retained = noted?.retained ?? Math.min(retainedFrom ?? LATEST_BEGINNING, clock.now(), LATEST_BEGINNING)
    this.#earliest = noted === undefined || noted.earliest === 0 ? Number.NEGATIVE_INFINITY : noted.earliest - elapsed
    this.#latest = noted === undefined ? Number.NEGATIVE_INFINITY : noted.latest - elapsed
    this.#retained = retained - elapsed
  }

  /** To be asked every second or so: what the clock showed when nobody asked is not known. `earliest` is 0 while nothing is certain. */
  moments(): Moments {
    const elapsed = this.#clock.elapsed()
    this.#look(elapsed)
    return {
      earliest: Math.max(0, this.#earliest + elapsed),
      retained: this.#retained + elapsed,
      latest: Math.max(0, this.#latest + elapsed),
    }
  }

  /** {@link Moments.retained}, without a look at the clock. */
  get retained(): number {
    return this.#retained + this.#clock.elapsed()
  }

  /** {@link Moments.latest}, without a look at the clock; -Infinity while nothing is certain. */
  get latest(): number {
    return this.#latest + this.#clock.elapsed()
  }

  /** The present moment, or one after it, as far as can be told: for what must not be too early (epoch ms). */
  get notBefore(): number {
    return Math.max(this.#clock.now(), this.latest, ...[...this.#witnesses.values()].map(this.#now))
  }

  /** A source answered, and said what time it is (its `Date`, epoch ms). */
  witness(source: string, date: number): void {
    if (!this.#witnesses.has(source) && this.#witnesses.size >= MAX_WITNESSES) return
    this.#witnesses.set(source, date - this.#clock.elapsed())
  }

  readonly #now = (ahead: number) => ahead + this.#clock.elapsed()

  #look(elapsed: number): void {
    const ahead = this.#clock.now() - elapsed
    const witnesses = [...this.#witnesses.values()]
    const agree = witnesses.length > 0 && witnesses.every((each) => Math.abs(each - ahead) <= AGREEMENT)
    this.#lookForEarliest(Math.min(ahead, ...witnesses), agree, elapsed)
    this.#lookForLatest(ahead, elapsed)
  }

  #lookForEarliest(ahead: number, agree: boolean, elapsed: number): void {
    if (ahead <= this.#earliest || agree) {
      this.#earliest = ahead
      this.#claimed = undefined
      return
    }
    this.#claimed ??= { ahead, since: elapsed }
    this.#claimed.ahead = Math.min(this.#claimed.ahead, ahead)
    const jump = this.#earliest === Number.NEGATIVE_INFINITY ? 0 : this.#claimed.ahead - this.#earliest
    const probation = Math.min(Math.max(jump, PROBATION.least), PROBATION.most)
    if (elapsed - this.#claimed.since < probation) return
    this.#earliest = this.#claimed.ahead
    this.#claimed = undefined
  }

  /** A clock that went back was wrong then, or is now: it takes an hour until tokens that had ended may begin to live again. */
  #lookForLatest(ahead: number, elapsed: number): void {
    if (ahead < this.#latest) {
      this.#backSince ??= elapsed
      if (elapsed - this.#backSince >= PROBATION.least) this.#latest = ahead
    } else this.#backSince = undefined
    this.#latest = Math.max(this.#latest, this.#earliest)
  }
}

/** What an earlier run noted; `undefined` for anything else. */
export function readMoments(value: unknown): Moments | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { earliest, retained, latest } = value as Partial<Record<keyof Moments, unknown>>
  return isMoment(earliest) && isMoment(retained) && isMoment(latest) ? { earliest, retained, latest } : undefined
}

function isMoment(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
