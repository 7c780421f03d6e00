import { ReplyError } from '../http.js'

/** Rows by key, in the order of their arrival, and no more of them than a demo needs. */
export class BoundedTable<Key, Row> {
  readonly #rows = new Map<Key, Row>()
  readonly #maxRows: number

  constructor(maxRows: number) {
    this.#maxRows = maxRows
  }

  get(key: Key): Row | undefined {
    return this.#rows.get(key)
  }

  /** Throws a {@link ReplyError} (507) when a row would be one too many. */
  set(key: Key, row: Row): void {
    if (this.#rows.size >= this.#maxRows && !this.#rows.has(key)) {
      throw new ReplyError({ status: 507, body: { code: 507, type: 'error', message: 'The store is full' } })
    }
    this.#rows.set(key, row)
  }

  delete(key: Key): boolean {
    return this.#rows.delete(key)
  }

  rows(): Row[] {
    return [...this.#rows.values()]
  }
}
