import type { RevocationRecord } from '../record.js'
import { StoreError } from './store-error.js'

const RULES = ['subject', 'client', 'session'] as const
/** No token's id is longer. */
const MAX_ID_LENGTH = 64 * 1024

/**
 * Takes what a store of one's own says for a record, or refuses it. Only what is known is copied, so that nothing
 * else gets in. Throws {@link StoreError} `ERR_STORE_MODULE`, which names the member and not its value.
 */
export function checkedRecord(value: unknown): RevocationRecord {
  if (typeof value !== 'object' || value === null) throw wrong('is no object')
  const { kind, id, expiresAt, revokedBefore } = value as Readonly<Record<string, unknown>>
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID_LENGTH)
    throw wrong('has no id of 1 to 65536 characters')
  if (expiresAt !== undefined && expiresAt !== null && !isInstant(expiresAt)) {
    throw wrong('has an expiresAt that is neither epoch milliseconds nor undefined')
  }
  const expiry = isInstant(expiresAt) ? expiresAt : undefined
  if (kind === 'token') return { kind, id, expiresAt: expiry }
  const rule = RULES.find((name) => name === kind)
  if (rule === undefined) throw wrong("has a kind that is none of 'token', 'subject', 'client' and 'session'")
  if (!isInstant(revokedBefore)) throw wrong('is a rule whose revokedBefore is not epoch milliseconds')
  return { kind: rule, id, revokedBefore, expiresAt: expiry }
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

function wrong(what: string): StoreError {
  return new StoreError('ERR_STORE_MODULE', `a record ${what}`)
}
