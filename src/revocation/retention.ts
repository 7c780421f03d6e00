import { isLastUnit, KEPT_UNIT, keptUnit } from './entry.js'

const DAY = 86_400_000
/** Units of a day. */
const DAY_UNITS = DAY / KEPT_UNIT
/** A revocation outlives its token by this much beyond `exp` and the allowed skew: other clocks differ from ours. */
const MARGIN = 60_000

/**
 * For how long (ms) after a token's `exp` some gateway may accept it: the largest `timestampSkew` that a configuration may
 * have, an hour, and five minutes by which clocks differ. A shared store keeps its revocation until then.
 */
export const LATEST_USE = 65 * 60_000

export interface Retention {
  /** Milliseconds for which a revocation is kept if its token's expiry is unknown. */
  readonly retention: number
}

/**
 * Until when (epoch ms) a revocation is kept: past its token's expiry. A token is accepted for `timestampSkew` longer, which a
 * sweep allows for, so that it is always the skew of now. If the token's expiry is unknown, for `retention` and until the end of that day (UTC), counted by `retained`, a time that no clock
 * change moves: repeating the revocation on the same day changes nothing, on a later day renews it.
 * {@link isOfRetention} tells the two cases apart.
 */
export function keptUntil(expiresAt: number | undefined, retained: number, options: Retention): number {
  if (expiresAt === undefined) return (Math.floor((retained + options.retention) / DAY) + 1) * DAY
  const until = expiresAt + MARGIN
  return isOfRetention(Math.ceil(until / KEPT_UNIT)) ? until + KEPT_UNIT : until
}

/** Whether an entry kept until the end of this unit is kept by retention, because its token's expiry is unknown. */
function isOfRetention(unit: number): boolean {
  return unit % DAY_UNITS === 0
}

/** The units up to which entries have expired: by the trusted time, and by the time that retention is counted by. */
export interface Expired {
  readonly unit: number
  readonly retainedUnit: number
}

/** Whether an entry with this word 2 is still needed. */
export function isKept(word: number, { unit, retainedUnit }: Expired): boolean {
  const until = keptUnit(word)
  return until > (isOfRetention(until) ? retainedUnit : unit) || isLastUnit(until)
}

/** A source's expiry of a token, unless it is already in the past: then it is not believed. */
export function believedExpiry(expiresAt: number | undefined, now: number): number | undefined {
  return expiresAt !== undefined && expiresAt > now ? expiresAt : undefined
}
