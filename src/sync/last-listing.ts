import { createHash } from 'node:crypto'
import type { Logger } from '../logging/index.js'
import type { JSONValue } from '../revocation/index.js'
import type { ListingContext } from '../sources/source.js'

/** What is remembered of the last successful listing, across restarts. */
export interface LastListing {
  /** From stores that can tell whether anything has changed since; see {@link ListingContext}. */
  readonly mark?: string
  readonly records: number
}

/** A store that held so many records and now holds none has more likely lost them than let all expire. */
const MANY_RECORDS = 100

/** Remembers the last listing of a store; warns when the store has lost all its records. */
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

  /** That the store has lost all its records, for people; `undefined` if it has not. */
  get emptied(): string | undefined {
    return this.#emptied
  }

  /** What it held stays revoked here, but gateways that start now cannot learn it from an emptied store. */
  listed(records: number, mark: string | undefined): void {
    const { name, logger } = this.#store
    const before = this.#last?.records ?? 0
    const isEmptied = records === 0 && before >= MANY_RECORDS
    this.#last = { records: isEmptied ? before : records, ...(mark === undefined ? {} : { mark }) }
    if (isEmptied && this.#emptied === undefined) {
      logger.warn('the store is now empty; what it held stays revoked', { store: name, before })
    }
    this.#emptied = isEmptied ? `empty; an earlier listing held ${before} revocations, which stay revoked` : undefined
  }
}

/** What a store says of one listing. */
export class ToldByStore implements ListingContext {
  readonly since?: string
  readonly expects: (records: number) => void
  isUnchanged = false
  nextMark: string | undefined

  constructor(since: string | undefined, expects: (records: number) => void) {
    this.expects = expects
    if (since !== undefined) this.since = since
  }

  readonly unchanged = (): void => {
    this.isUnchanged = true
  }

  readonly mark = (mark: string): void => {
    this.nextMark = mark
  }
}

/** Name of its note in the journal. The journal holds the listing's records before the note. */
export const LAST_LISTING = 'last-listing'

/** The note of a listing. `sources` identifies the sources. */
export function lastListingNote({ mark, records }: LastListing, sources: string): JSONValue {
  return { sources: digest(sources), records, ...(mark === undefined ? {} : { mark }) }
}

/** The last listing of the same sources; `undefined` if the notes have none. */
export function lastListingOf(notes: ReadonlyMap<string, JSONValue>, sources: string): LastListing | undefined {
  const note = notes.get(LAST_LISTING)
  if (typeof note !== 'object' || note === null || !('records' in note)) return undefined
  const { sources: of, records, mark } = note
  if (of !== digest(sources) || typeof records !== 'number') return undefined
  return { records, ...(typeof mark === 'string' ? { mark } : {}) }
}

/** Notes have a bounded length, names of sources have not. */
function digest(sources: string): string {
  return createHash('sha256').update(sources).digest('base64url')
}
