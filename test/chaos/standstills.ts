/** Which processes of a gateway are stopped. */
export type Stopped = 'all' | 'primary' | 'worker'

interface Standstill {
  readonly from: number
  until: number
  readonly what: Stopped
}

/** A process that stood still may answer what had arrived before, for so long (ms) after it goes on. */
const CATCHES_UP_WITHIN = 1_000
/** What a process said shortly before it was stopped may be said after it, ms. */
const UNDER_WAY = 500
/** What a worker answers once its primary stood still for so long (ms) would be a guess. */
const LEASE = 5_000

/** When processes of a gateway stood still, and what that excuses or forbids. */
export class Standstills {
  readonly #all: Standstill[] = []

  begin(what: Stopped, now: number): void {
    this.#all.push({ from: now, until: Number.POSITIVE_INFINITY, what })
  }

  end(now: number): void {
    for (const each of this.#all) each.until = Math.min(each.until, now)
  }

  /** Whether one is under way. */
  get now(): boolean {
    return this.#all.some(({ until }) => until === Number.POSITIVE_INFINITY)
  }

  /** Whether what left at `at` may have been judged by a worker that stood still around then. */
  excuse(at: number): boolean {
    return this.#all.some(
      ({ from, until, what }) => what !== 'primary' && at >= from - UNDER_WAY && at <= until + CATCHES_UP_WITHIN,
    )
  }

  /** Whether the workers' lease had been over for `margin` ms at `at`: their primary stood still. */
  leaseOver(at: number, margin: number): boolean {
    return this.#all.some(({ from, until, what }) => what === 'primary' && at > from + LEASE + margin && at < until)
  }
}
