import { type Clock, systemClock } from './clock.js'

const HOUR = 3_600_000
/** How long a clock must have been ahead before it is believed, ms: as long as the jump, between an hour and a day. */
const PROBATION = { least: HOUR, most: 24 * HOUR }
/** Largest difference, ms, at which the clock and a source's `Date` agree. */
const AGREEMENT = 5 * 60_000
/** A `Date` is cut off to whole seconds, ms. */
const DATE_UNIT = 1_000
/** Servers whose `Date` is remembered: there are a few sources and issuers. */
const MAX_WITNESSES = 64
/** How long the furthest ahead of a server's `Date`s counts, ms: several machines, each with its clock, may answer for it. */
const FURTHEST_COUNTS = HOUR
/** Latest start of counting: later times do not fit into an entry. */
const LATEST_BEGINNING = Date.UTC(2090, 0)

/** The times (epoch ms) by which entries may be dropped and tokens count as ended. */
export interface TimeBounds {
  /** Certainly not later than the real time: entries whose known expiry lies before this may be dropped. */
  readonly earliest: number
  /** The time that retention is counted by: it advances with the monotonic clock; clock changes do not move it. */
  readonly retained: number
  /** The latest time ever believed, advanced since: tokens that ended before it have ended, whatever the clock says now. */
  readonly latest: number
}

/** What a server's `Date`s said: offsets from the monotonic clock. */
interface Witness {
  readonly last: number
  readonly furthest: number
  readonly furthestAt: number
}

/**
 * The time that revocations may be dropped by. The system clock alone is not enough: without a battery it starts years
 * back, another is a month ahead until its first time sync, and both may be set at any time. So a clock that jumped ahead
 * (of the monotonic one, or of an earlier run's checkpoint) is believed after a probation, or at once if every source's
 * `Date` agrees, and never while one contradicts it; a clock that goes back is believed at once. A run continues from the
 * last run's checkpoint: the time between the two is a jump like any other.
 */
export class TrustedClock {
  readonly #clock: Pick<Clock, 'now' | 'elapsed'>
  /** Offsets of the clock from the monotonic one: constant unless the clock is set. */
  #earliest: number
  #latest: number
  readonly #retained: number
  #claimed: { ahead: number; readonly since: number } | undefined
  #backSince: number | undefined
  readonly #witnesses = new Map<string, Witness>()

  /**
   * @param noted the {@link bounds} of an earlier run
   * @param retainedFrom where to continue counting retention without a checkpoint (epoch ms); by default the clock
   */
  constructor(clock: Pick<Clock, 'now' | 'elapsed'> = systemClock, noted?: TimeBounds, retainedFrom?: number) {
    this.#clock = clock
    const elapsed = clock.elapsed()
    const retained = noted?.retained ?? Math.min(retainedFrom ?? LATEST_BEGINNING, clock.now(), LATEST_BEGINNING)
    this.#earliest = noted === undefined || noted.earliest === 0 ? Number.NEGATIVE_INFINITY : noted.earliest - elapsed
    this.#latest = noted === undefined ? Number.NEGATIVE_INFINITY : noted.latest - elapsed
    this.#retained = retained - elapsed
  }

  /** Call about every second: clock changes between two calls go unseen. `earliest` is 0 while nothing is certain. */
  bounds(): TimeBounds {
    const elapsed = this.#clock.elapsed()
    this.#update(elapsed)
    return {
      earliest: Math.max(0, this.#earliest + elapsed),
      retained: this.#retained + elapsed,
      latest: Math.max(0, this.#latest + elapsed),
    }
  }

  /** {@link TimeBounds.retained}, without reading the clock. */
  get retained(): number {
    return this.#retained + this.#clock.elapsed()
  }

  /** {@link TimeBounds.latest}, without reading the clock; -Infinity while nothing is certain. */
  get latest(): number {
    return this.#latest + this.#clock.elapsed()
  }

  /** The current time or later, as far as known (epoch ms): for times that must not be too early. */
  get notBefore(): number {
    return Math.max(this.#clock.now(), this.latest, this.#furthest())
  }

  /** The current time or earlier, as far as known (epoch ms): for spans until a moment that must not be too short. */
  get notAfter(): number {
    const { earliest } = this.bounds()
    if (earliest > 0) return earliest
    const elapsed = this.#clock.elapsed()
    return Math.min(this.#clock.now(), ...[...this.#witnesses.values()].map(({ last }) => last + elapsed))
  }

  /**
   * No sooner than the clock of any issuer shows (epoch ms), if that is ahead of ours by `skew` at most: as far ahead as tokens
   * may be issued. An issuer whose `Date` is known is taken at its word: at that furthest ahead of the last hour.
   *
   * @param servers the issuers' servers, as {@link witness} is told of them; `undefined` for an issuer without one
   */
  issuersNow(servers: readonly (string | undefined)[], skew: number): number {
    const areKnown = servers.every((server) => server !== undefined && this.#witnesses.has(server))
    return Math.max(this.#clock.now() + (areKnown ? 0 : skew), this.latest, this.#furthest() + DATE_UNIT)
  }

  /** Reports the `Date` of a source's answer (epoch ms). */
  witness(source: string, date: number): void {
    if (!this.#witnesses.has(source) && this.#witnesses.size >= MAX_WITNESSES) return
    const elapsed = this.#clock.elapsed()
    const last = date - elapsed
    const before = this.#witnesses.get(source)
    const isFurthest = before === undefined || last >= before.furthest || elapsed - before.furthestAt >= FURTHEST_COUNTS
    const { furthest, furthestAt } = isFurthest ? { furthest: last, furthestAt: elapsed } : before
    this.#witnesses.set(source, { last, furthest, furthestAt })
  }

  /** The clock furthest ahead; -Infinity if there is none. */
  #furthest(): number {
    return Math.max(...[...this.#witnesses.values()].map(({ furthest }) => furthest)) + this.#clock.elapsed()
  }

  #update(elapsed: number): void {
    const ahead = this.#clock.now() - elapsed
    const witnesses = [...this.#witnesses.values()].map(({ last }) => last)
    const agree = witnesses.length > 0 && witnesses.every((each) => Math.abs(each - ahead) <= AGREEMENT)
    this.#updateEarliest(Math.min(ahead, ...witnesses), agree, elapsed)
    this.#updateLatest(ahead, elapsed)
  }

  #updateEarliest(ahead: number, agree: boolean, elapsed: number): void {
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

  /** A clock that went back was wrong before, or is now: for an hour, tokens that had ended stay ended. */
  #updateLatest(ahead: number, elapsed: number): void {
    if (ahead < this.#latest) {
      this.#backSince ??= elapsed
      if (elapsed - this.#backSince >= PROBATION.least) this.#latest = ahead
    } else this.#backSince = undefined
    this.#latest = Math.max(this.#latest, this.#earliest)
  }
}

/** Reads an earlier run's checkpoint; `undefined` for anything else. */
export function readTimeBounds(value: unknown): TimeBounds | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { earliest, retained, latest } = value as Partial<Record<keyof TimeBounds, unknown>>
  return isTime(earliest) && isTime(retained) && isTime(latest) ? { earliest, retained, latest } : undefined
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
