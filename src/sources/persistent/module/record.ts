import {
  isIssuer,
  MAX_RECORD_ID_LENGTH,
  type RevocationRecord,
  readClaims,
  readScope,
} from '../../../revocation/index.js'

const RULES = ['subject', 'client', 'session'] as const

/**
 * What is wrong with a record of a custom store. The words are stable: metrics and logs carry them.
 * - `not-an-object`: null, a string, a number
 * - `no-id`: no `id` of 1 to 65,536 characters
 * - `bad-kind`: a `kind` that is none of `token`, `subject`, `client`, `session`, `issuer` and `claims`
 * - `bad-issuer`: an `iss` that is neither a string, null nor absent: the record is taken, for any issuer; or none, of a rule about
 *   an issuer: that is not
 * - `bad-claims`: a rule about claims without 1 to 4 `claims` that are strings, numbers or booleans
 * - `bad-expiry`: an `expiresAt` that is neither epoch milliseconds nor absent; the record is taken without it
 * - `bad-time`: a rule whose `revokedBefore` is not epoch milliseconds
 */
export type RecordProblem =
  | 'not-an-object'
  | 'no-id'
  | 'bad-kind'
  | 'bad-issuer'
  | 'bad-claims'
  | 'bad-expiry'
  | 'bad-time'

/** What a value is good for: a record, a problem that leaves it none, or both. */
export interface CheckedRecord {
  readonly record?: RevocationRecord
  readonly problem?: RecordProblem
}

/**
 * Checks a record of a custom store. Only known members are copied, so that nothing else gets in. An unreadable expiry
 * counts as unknown: the record revokes in any case. Never throws, whatever the object's getters do.
 */
export function checkedRecord(value: unknown): CheckedRecord {
  if (typeof value !== 'object' || value === null) return { problem: 'not-an-object' }
  try {
    return readRecord(value)
  } catch {
    return { problem: 'not-an-object' } // a getter, or a proxy, that throws
  }
}

function readRecord(value: object): CheckedRecord {
  const members = value as Readonly<Record<string, unknown>>
  const { kind, id, expiresAt: expiry, revokedBefore } = members
  const named = readScope(members.iss)
  const scope = named ?? { iss: null }
  const expiresAt = isInstant(expiry) ? expiry : undefined
  const isClear = expiry === undefined || expiry === null || isInstant(expiry)
  const doubt: { problem?: RecordProblem } =
    named === undefined ? { problem: 'bad-issuer' } : isClear ? {} : { problem: 'bad-expiry' }
  if (kind === 'issuer' || kind === 'claims') {
    const claims = readClaims(members.claims)
    const { iss } = scope
    if (!isInstant(revokedBefore)) return { problem: 'bad-time' }
    const times = { revokedBefore, expiresAt }
    if (kind === 'issuer')
      return isIssuer(iss) ? { record: { kind, iss, ...times }, ...doubt } : { problem: 'bad-issuer' }
    return claims === undefined ? { problem: 'bad-claims' } : { record: { kind, claims, ...scope, ...times }, ...doubt }
  }
  if (typeof id !== 'string' || id === '' || id.length > MAX_RECORD_ID_LENGTH) return { problem: 'no-id' }
  if (kind === 'token') return { record: { kind, id, ...scope, expiresAt }, ...doubt }
  const rule = RULES.find((name) => name === kind)
  if (rule === undefined) return { problem: 'bad-kind' }
  if (!isInstant(revokedBefore)) return { problem: 'bad-time' }
  return { record: { kind: rule, id, ...scope, revokedBefore, expiresAt }, ...doubt }
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}
