import type { RuleRevocation } from './record.js'

/** Below this, a number of an `expiryTime` or `revocationTime` is read as seconds: as milliseconds it would be 1973. */
const SECONDS_BELOW = 1e11
/** Beyond this no `Date` exists; Java's Long.MAX_VALUE ("never") is far above it. */
const LAST_INSTANT = 8.64e15

/**
 * Reads a moment (epoch ms, or seconds when it is too small for that) as WSO2's publishers write it: a number,
 * a string of digits, a bigint. `undefined` for what names no moment: absent, 0, Long.MAX, not a number.
 */
export function instant(value: unknown): number | undefined {
  const number = toNumber(value)
  if (number === undefined || !(number > 0) || number > LAST_INSTANT) return undefined
  return Math.floor(number < SECONDS_BELOW ? number * 1000 : number)
}

/** As {@link instant}, for a token's expiry: one that has passed already is not believed, hence unknown. */
export function expiryInstant(value: unknown, now: number): number | undefined {
  const at = instant(value)
  return at !== undefined && at > now ? at : undefined
}

/**
 * The rule of a subject entity's revocation: WSO2's `USER_ID` is the token's `sub`, `CLIENT_ID` its client.
 * `undefined` for an entity type that names neither.
 */
export function entityRule(entityType: unknown, id: string, revokedBefore: number): RuleRevocation | undefined {
  const kind = entityType === 'USER_ID' ? 'subject' : entityType === 'CLIENT_ID' ? 'client' : undefined
  return kind === undefined ? undefined : { kind, id, revokedBefore, expiresAt: undefined }
}

function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'string' && /^\d{1,19}$/.test(value.trim())) return Number(value)
  return undefined
}
