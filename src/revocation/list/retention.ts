const DAY = 86_400_000
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
 * known, for `retention` from the end of the day (UTC) on which it is `now`: whoever says it again on the same day says
 * nothing new, on a later day it is renewed.
 */
export function keptUntil(expiresAt: number | undefined, now: number, { timestampSkew, retention }: Retention): number {
  if (expiresAt !== undefined) return expiresAt + timestampSkew + MARGIN
  return (Math.floor(now / DAY) + 1) * DAY + retention
}

/** What a source says of a token's end: one that has passed already is not believed. */
export function believedExpiry(expiresAt: number | undefined, now: number): number | undefined {
  return expiresAt !== undefined && expiresAt > now ? expiresAt : undefined
}
