import { createHash } from 'node:crypto'
import type { Logger } from '../logging/index.js'
import type { JSONValue } from '../revocation/index.js'

/** What is kept of the last listing that succeeded, over restarts too. */
export interface LastListing {
  /** Of a store that can tell whether anything has changed since; see {@link ListingContext}. */
  readonly mark?: string
  readonly records: number
}

/** A store that held so many records and now holds none is more likely to have lost them than to have outlived them. */
const MANY_RECORDS = 100

/** Remembers the last listing of a store, and warns when that has lost all its records. */
export class ListingMemory {
  readonly #store: { readonly name: string; readonly logger: Logger }
  #last: LastListing | undefined
  #emptied: string | undefined

  constructor(last: LastListing | undefined, store: { readonly name: string; readonly logger: Logger }) {
    this.#last = last
    this.#store = store
  }

  get last(): LastListing | undefined {
    return this.#last
  }

  /** That the store has lost all its records, for people, while it is so. */
  get emptied(): string | undefined {
    return this.#emptied
  }

  /** Nothing un-revokes, but a store that was emptied, by mistake or by an outage, teaches nothing to those who start. */
  listed(records: number, mark: string | undefined): void {
    const { name, logger } = this.#store
    const before = this.#last?.records ?? 0
    const isEmptied = records === 0 && before >= MANY_RECORDS
    this.#last = { records: isEmptied ? before : records, ...(mark === undefined ? {} : { mark }) }
    if (isEmptied && this.#emptied === undefined) {
      logger.warn('the store is empty now; what it held stays revoked', { store: name, before })
    }
    this.#emptied = isEmptied ? `empty; a listing before held ${before} revocations, which stay revoked` : undefined
  }
}

/** The name of its note in the journal: what it tells of is in the journal before it. */
export const LAST_LISTING = 'last-listing'

/** @param sources what tells the sources from others */
export function lastListingNote({ mark, records }: LastListing, sources: string): JSONValue {
  return { sources: digest(sources), records, ...(mark === undefined ? {} : { mark }) }
}

/** That of the same sources; `undefined` if the notes have none. */
export function lastListingOf(notes: ReadonlyMap<string, JSONValue>, sources: string): LastListing | undefined {
  const note = notes.get(LAST_LISTING)
  if (typeof note !== 'object' || note === null || !('records' in note)) return undefined
  const { sources: of, records, mark } = note
  if (of !== digest(sources) || typeof records !== 'number') return undefined
  return { records, ...(typeof mark === 'string' ? { mark } : {}) }
}

/** A note has a bounded length. */
function digest(sources: string): string {
  return createHash('sha256').update(sources).digest('base64url')
}
