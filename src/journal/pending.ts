import type { RevocationRecord } from '../revocation/index.js'
import { encodeBlock } from './format.js'

/** How many revocations an older version kept for their store. */
const MAX_PENDING = 10_000
/** A record's id is a token at most (64 KiB); what is longer was not written here. */
const MAX_ID_LENGTH = 65_536
/** Blocks that wait for the disk beyond this are dropped: the file is then written anew, from what still waits. */
const MAX_UNWRITTEN = 2 * MAX_PENDING

/** A revocation that a store is to be told of. */
export interface PendingPut {
  /** Its name in the file. */
  readonly number: number
  /** When it was learnt, by the time that retention is counted by (epoch ms); an older version's clock. */
  readonly at: number
  readonly record: RevocationRecord
}

/**
 * What an older version kept in the journal for a store that had not taken it yet: blocks `pending` and `done` of the file.
 * Today the outbox keeps it: what is found here is carried over there, and done then.
 */
export class PendingPuts {
  readonly #waiting = new Map<number, PendingPut>()
  #unwritten: Buffer[] = []

  /** Those that wait, in the order in which they came. */
  get all(): readonly PendingPut[] {
    return [...this.#waiting.values()]
  }

  get hasUnwritten(): boolean {
    return this.#unwritten.length > 0
  }

  /** Notes that one waits no more. Returns whether the file has to be written anew for it. */
  done(number: number): boolean {
    if (!this.#waiting.delete(number)) return false
    const payload = Buffer.alloc(8)
    payload.writeDoubleLE(number)
    this.#unwritten.push(encodeBlock('done', payload))
    if (this.#unwritten.length <= MAX_UNWRITTEN) return false
    this.#unwritten = []
    return true
  }

  /** The blocks that are to be appended to the file; they count as written. */
  takeUnwritten(): Buffer[] {
    const blocks = this.#unwritten
    this.#unwritten = []
    return blocks
  }

  /** The blocks of a new file. */
  export(): Buffer[] {
    return this.all.map(pendingBlock)
  }

  /** Takes a `pending` block's payload from a file. What cannot be read is left out. */
  load(payload: Buffer): void {
    const put = readPending(payload)
    if (put === undefined) return
    if (this.#waiting.size < MAX_PENDING) this.#waiting.set(put.number, put)
  }

  /** Takes a `done` block's payload from a file. */
  loadDone(payload: Buffer): void {
    if (payload.length === 8) this.#waiting.delete(payload.readDoubleLE())
  }
}

/** The block of a revocation that a store is to be told of. */
export function pendingBlock(put: PendingPut): Buffer {
  return encodeBlock('pending', Buffer.from(JSON.stringify(put)))
}

/** The revocation of a `pending` block's payload; `undefined` if it can't be read. */
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
  const { kind, id, revokedBefore, expiresAt } = value as Readonly<Record<string, unknown>>
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID_LENGTH) return false
  if (expiresAt !== undefined && typeof expiresAt !== 'number') return false
  if (kind === 'token') return true
  return ['subject', 'client', 'session'].includes(String(kind)) && typeof revokedBefore === 'number'
}
