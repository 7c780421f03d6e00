import { isIssuer, MAX_RECORD_ID_LENGTH, type RevocationRecord, readClaims, readScope } from '../revocation/index.js'
import { encodeBlock } from './format.js'

/** How many revocations an older version kept for their store. */
const MAX_PENDING = 10_000
/** Beyond that many, waiting blocks are dropped: a compaction then writes what still waits. */
const MAX_UNWRITTEN = 2 * MAX_PENDING

/** A revocation that a store has yet to take. */
export interface PendingPut {
  /** Identifies it in its file. */
  readonly number: number
  /** When it was learnt, by the time that retention is counted by; in an older version's file by the clock (epoch ms). */
  readonly at: number
  readonly record: RevocationRecord
}

/**
 * The revocations that an older version kept in the journal until their store took them: the file's `pending` and `done`
 * blocks. Today the outbox keeps such revocations: these are moved there, and marked done.
 */
export class PendingPuts {
  readonly #waiting = new Map<number, PendingPut>()
  #unwritten: Buffer[] = []

  /** Those that wait, oldest first. */
  get all(): readonly PendingPut[] {
    return [...this.#waiting.values()]
  }

  get hasUnwritten(): boolean {
    return this.#unwritten.length > 0
  }

  /** Marks one as done. Returns whether that needs a compaction. */
  done(number: number): boolean {
    if (!this.#waiting.delete(number)) return false
    const payload = Buffer.alloc(8)
    payload.writeDoubleLE(number)
    this.#unwritten.push(encodeBlock('done', payload))
    if (this.#unwritten.length <= MAX_UNWRITTEN) return false
    this.#unwritten = []
    return true
  }

  /** The blocks to append to the file, which count as written then. */
  takeUnwritten(): Buffer[] {
    const blocks = this.#unwritten
    this.#unwritten = []
    return blocks
  }

  /** The blocks for a compacted file. */
  export(): Buffer[] {
    return this.all.map(pendingBlock)
  }

  /** Loads a `pending` block's payload. Ignores what cannot be read. */
  load(payload: Buffer): void {
    const put = readPending(payload)
    if (put === undefined) return
    if (this.#waiting.size < MAX_PENDING) this.#waiting.set(put.number, put)
  }

  /** Loads a `done` block's payload. */
  loadDone(payload: Buffer): void {
    if (payload.length === 8) this.#waiting.delete(payload.readDoubleLE())
  }
}

/** The block of a revocation that a store has yet to take. */
export function pendingBlock({ number, at, record }: PendingPut): Buffer {
  return encodeBlock('pending', Buffer.from(JSON.stringify({ number, at, record })))
}

/** The revocation in a `pending` block's payload; `undefined` if it cannot be read. */
export function readPending(payload: Buffer): PendingPut | undefined {
  try {
    const { number, at, record } = JSON.parse(payload.toString('utf8')) as Partial<PendingPut>
    if (!Number.isSafeInteger(number) || typeof at !== 'number' || !isRecord(record)) return undefined
    return { number: number as number, at, record: { ...record, expiresAt: record.expiresAt } }
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is RevocationRecord {
  if (typeof value !== 'object' || value === null) return false
  const { kind, id, iss, claims, revokedBefore, expiresAt } = value as Readonly<Record<string, unknown>>
  if (expiresAt !== undefined && typeof expiresAt !== 'number') return false
  if (readScope(iss) === undefined) return false
  if (kind !== 'token' && typeof revokedBefore !== 'number') return false
  if (kind === 'issuer') return isIssuer(iss)
  if (kind === 'claims') return readClaims(claims) !== undefined
  if (!['token', 'subject', 'client', 'session'].includes(String(kind))) return false
  return typeof id === 'string' && id !== '' && id.length <= MAX_RECORD_ID_LENGTH
}
