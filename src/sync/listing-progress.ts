import type { Clock } from '../time/index.js'

/** What listings of a store have come to, for `/status` and metrics. Times are epoch ms. */
export interface ListingState {
  readonly succeeded: number
  readonly failed: number
  /** The last one that succeeded; it read 0 records where nothing had changed. */
  readonly last?: { readonly at: number; readonly ms: number; readonly records: number }
  /** The one that is under way. */
  readonly current?: {
    readonly since: number
    readonly records: number
    /** How many it will be, as far as the store or an earlier listing tells. */
    readonly expected?: number
  }
}

/** Follows the listings of a store. */
export class ListingProgress {
  readonly #clock: Clock
  #succeeded = 0
  #failed = 0
  #last: ListingState['last']
  #since: number | undefined
  #records = 0
  #expected: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param expected how many records an earlier listing had */
  begun(expected: number | undefined): void {
    this.#since = this.#clock.now()
    this.#records = 0
    this.#expected = expected
  }

  /** @param records how many were read so far */
  read(records: number): void {
    this.#records = records
  }

  /** The store says how many there are. */
  readonly expects = (records: number): void => {
    this.#expected = records
  }

  /** @param at when it began, epoch ms */
  succeeded(at: number, ms: number, records: number): void {
    this.#succeeded++
    this.#since = undefined
    this.#last = { at, ms, records }
  }

  failed(): void {
    this.#failed++
    this.#since = undefined
  }

  state(): ListingState {
    const expected = this.#expected === undefined ? {} : { expected: Math.max(this.#expected, this.#records) }
    return {
      succeeded: this.#succeeded,
      failed: this.#failed,
      ...(this.#last === undefined ? {} : { last: this.#last }),
      ...(this.#since === undefined ? {} : { current: { since: this.#since, records: this.#records, ...expected } }),
    }
  }
}
