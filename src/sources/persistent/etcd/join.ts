import { LATEST_USE, NEVER, type RevocationRecord } from '../../../revocation/index.js'

/** What a key says already. */
export interface Existing {
  /** With its end as it was written, even if that has passed; `undefined` for what can't be read. */
  readonly record: RevocationRecord | undefined
  /** Seconds until the store lets the key go; infinite for one that is kept for ever. */
  readonly left: number
}

/** What a key has to say. */
export interface Joined {
  readonly record: RevocationRecord
  /** Seconds until the store may let it go, no less than it had left; infinite: never. */
  readonly ttl: number
  /** A shorter time, seconds, that will do. */
  readonly needed: number
  /** The key is kept for so long as it is. */
  readonly isKept: boolean
}

/** Seconds: stores count what is left in whole ones, and from when they were asked. */
export const TTL_TOLERANCE = 10
/** Seconds from which a key is kept for ever: etcd takes no longer lease than 285 years. */
const FOR_EVER = 100 * 365 * 86_400
/** An unknown end is granted this part more, a day of 30: told again on the same day it changes nothing. */
const SPARE = 1 / 30

/**
 * Joins a record into what its key says, as the list joins entries: the later `revokedBefore`, the later end, and of an
 * end that is known and one that is not the one that is kept for longer. So neither order nor repetition matters, and
 * whatever was told is kept for at least as long as it would be alone. `undefined` when the key says all that already.
 *
 * @param now epoch ms, no later than the real time
 * @param retention ms that a record of unknown end is kept
 */
export function joined(
  existing: Existing | undefined,
  record: RevocationRecord,
  now: number,
  retention: number,
): Joined | undefined {
  const asked = secondsToKeep(record, now, retention)
  const granted = isKnown(record.expiresAt, now) ? asked : Math.ceil(asked * (1 + SPARE))
  if (existing === undefined) return { record, ttl: bounded(granted), needed: asked, isKept: false }
  const { record: said, left } = existing
  const all = bothOf(existing, record, now, retention)
  const isEndKnown = isKnown(all.expiresAt, now)
  const needed = Math.max(asked, isEndKnown ? secondsToKeep(all, now, retention) : 0)
  const isKept = left + (isEndKnown ? TTL_TOLERANCE : 0) >= needed
  if (isKept && said !== undefined && isSame(said, all)) return undefined
  return { record: all, ttl: isKept ? left : bounded(Math.max(left, granted, needed)), needed, isKept }
}

/**
 * Seconds until a written record may vanish from the store: when no gateway accepts its token any more, whatever its
 * `timestampSkew`. Keys that other programs write must last as long (docs/stores.md). `retention` (ms) is for an unknown end, and for one that has passed already: a caller that hands over such
 * a record may have the better clock, and what is not written is learnt by no other gateway.
 */
function secondsToKeep({ expiresAt }: RevocationRecord, now: number, retention: number): number {
  return Math.ceil((isKnown(expiresAt, now) ? expiresAt + LATEST_USE - now : retention) / 1000)
}

function isKnown(expiresAt: number | undefined, now: number): expiresAt is number {
  return expiresAt !== undefined && expiresAt + LATEST_USE > now
}

/** Both in one. A gateway that reads it, at any time, keeps it for no less than it would keep either of the two. */
function bothOf({ record: said, left }: Existing, record: RevocationRecord, now: number, retention: number) {
  if (said === undefined) return record
  const known: number[] = []
  const unknown: number[] = []
  for (const [{ expiresAt }, keptUntil] of [[said, now + left * 1000] as const, [record, now + retention] as const]) {
    if (isKnown(expiresAt, now)) known.push(expiresAt)
    else unknown.push(keptUntil)
  }
  const expiresAt = laterEnd(Math.max(...known), Math.max(...unknown), now + retention)
  if (record.kind === 'token') return { ...record, expiresAt }
  const revokedBefore = Math.max(Math.ceil(record.revokedBefore), said.kind === 'token' ? 0 : said.revokedBefore)
  return { ...record, revokedBefore, expiresAt }
}

/**
 * The later of an end that is known and one that is not, each -Infinity if there is none.
 *
 * @param keptUntil how long the store keeps what has the unknown end
 * @param retainedUntil how long a gateway does that reads it now: one that reads it later keeps it for longer
 */
function laterEnd(known: number, keptUntil: number, retainedUntil: number): number | undefined {
  if (Math.min(keptUntil, retainedUntil) >= known + LATEST_USE) return undefined
  return Math.min(NEVER, Math.max(known, Math.ceil(keptUntil)))
}

function isSame(said: RevocationRecord, all: RevocationRecord): boolean {
  if (said.expiresAt !== all.expiresAt) return false
  return said.kind === 'token' || all.kind === 'token' || said.revokedBefore === all.revokedBefore
}

function bounded(ttl: number): number {
  return ttl >= FOR_EVER ? Number.POSITIVE_INFINITY : ttl
}
