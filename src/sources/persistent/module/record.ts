import { MAX_RECORD_ID_LENGTH, type RevocationRecord } from '../../../revocation/index.js'

const RULES = ['subject', 'client', 'session'] as const

/**
 * What is wrong with a record of a custom store. The words are stable: metrics and logs carry them.
 * - `not-an-object`: null, a string, a number
 * - `no-id`: no `id` of 1 to 65,536 characters
 * - `bad-kind`: a `kind` that is none of `token`, `subject`, `client` and `session`
 * - `bad-expiry`: an `expiresAt` that is neither epoch milliseconds nor absent; the record is taken without it
 * - `bad-time`: a rule whose `revokedBefore` is not epoch milliseconds
 */
export type RecordProblem = 'not-an-object' | 'no-id' | 'bad-kind' | 'bad-expiry' | 'bad-time'

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
  const { kind, id, expiresAt: expiry, revokedBefore } = value as Readonly<Record<string, unknown>>
  if (typeof id !== 'string' || id === '' || id.length > MAX_RECORD_ID_LENGTH) return { problem: 'no-id' }
  const expiresAt = isInstant(expiry) ? expiry : undefined
  const doubt = expiry === undefined || expiry === null || isInstant(expiry) ? {} : ({ problem: 'bad-expiry' } as const)
  if (kind === 'token') return { record: { kind, id, expiresAt }, ...doubt }
  const rule = RULES.find((name) => name === kind)
  if (rule === undefined) return { problem: 'bad-kind' }
  if (!isInstant(revokedBefore)) return { problem: 'bad-time' }
  return { record: { kind: rule, id, revokedBefore, expiresAt }, ...doubt }
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}
