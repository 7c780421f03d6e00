import { isLastUnit, KEPT_UNIT, keptUnit } from './entry.js'

const DAY = 86_400_000
/** Units of a day. */
const DAY_UNITS = DAY / KEPT_UNIT
/** Clocks of others are not ours: beyond the allowed skew a revocation outlives its token by this much. */
const MARGIN = 60_000

export interface Retention {
  /** Milliseconds by which a token is accepted after its `exp`. */
  readonly timestampSkew: number
  /** Milliseconds for which a revocation is kept whose token's end is not known. */
  readonly retention: number
}

/**
 * Until when (epoch ms) a revocation is kept: beyond the last moment at which its token could be accepted. If that is not
 * known, for `retention` and until the end of that day (UTC), by a time `retained` that only what elapses moves: whoever
 * says it again on the same day says nothing new, on a later day it is renewed. {@link isOfRetention} tells the two apart.
 */
export function keptUntil(expiresAt: number | undefined, retained: number, options: Retention): number {
  if (expiresAt === undefined) return (Math.floor((retained + options.retention) / DAY) + 1) * DAY
  const until = expiresAt + options.timestampSkew + MARGIN
  return isOfRetention(Math.ceil(until / KEPT_UNIT)) ? until + KEPT_UNIT : until
}

/** Whether an entry that is kept until the end of this unit is so by retention, since its token's end is not known. */
export function isOfRetention(unit: number): boolean {
  return unit % DAY_UNITS === 0
}

/** What has expired: by a unit in which it is not yet later, and one of the time that retention is counted by. */
export interface Expired {
  readonly unit: number
  readonly retainedUnit: number
}

/** Whether an entry with this word 2 is still needed. */
export function isKept(word: number, { unit, retainedUnit }: Expired): boolean {
  const until = keptUnit(word)
  return until > (isOfRetention(until) ? retainedUnit : unit) || isLastUnit(until)
}

/** What a source says of a token's end: one that has passed already is not believed. */
export function believedExpiry(expiresAt: number | undefined, now: number): number | undefined {
  return expiresAt !== undefined && expiresAt > now ? expiresAt : undefined
}
