import type { SourceStatus } from '../sources/source.js'
import { backoffDelay, type Clock, jittered } from '../time/index.js'

export interface ListingPaceOptions {
  /** Milliseconds between two listings of a healthy store. */
  readonly refreshInterval: number
  /** Milliseconds after which the last listing is too old; 0: never. */
  readonly maxStaleness: number
}

/** While the topic is down, only the store tells of revocations: listings begin this often, ms. */
const INTERVAL_DURING_GAP = 5_000
/** While revocations are pushed, regular listings take at most a twentieth of the time. */
const PAUSE_WHILE_PUSHED = 20
/** Otherwise a slow store is listed half of the time: the pause after a listing is as long as the listing. */
const PAUSE_OTHERWISE = 1
/** Listings within `maxStaleness`: one may fail, and the list stays known. */
const LISTINGS_A_STALENESS = 2
const RETRY_FIRST = 100
const RETRY_LAST = 30_000
/** Longest wait, ms, of a requested listing while the store fails. */
const REQUEST_SPACING_LAST = 1_000

/** When the store is listed: at intervals, at once on request, and with back-off while it fails. */
export class ListingPace {
  readonly #options: ListingPaceOptions
  readonly #clock: Clock
  #failures = 0
  #lastDuration = 0
  #endedAt = Number.NEGATIVE_INFINITY

  constructor(options: ListingPaceOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
  }

  /** Failed listings since the last success. */
  get failures(): number {
    return this.#failures
  }

  /** A listing succeeded after `ms`. */
  succeeded(ms: number): void {
    this.#failures = 0
    this.#lastDuration = ms
    this.#endedAt = this.#clock.elapsed()
  }

  failed(): void {
    this.#failures++
    this.#endedAt = this.#clock.elapsed()
  }

  /**
   * Milliseconds from the end of the last listing to the next regular one.
   *
   * @param topic status of the topic; `undefined` if there is none
   * @param watch status of the store's watch; `undefined` if it has none
   */
  interval(topic: SourceStatus | undefined, watch: SourceStatus | undefined): number {
    if (this.#failures > 0) {
      return jittered(this.#backoff(topic === 'live' ? RETRY_LAST : INTERVAL_DURING_GAP), this.#clock.random())
    }
    const { refreshInterval, maxStaleness } = this.#options
    const wanted = Math.min(
      refreshInterval,
      topic === undefined || topic === 'live' ? refreshInterval : INTERVAL_DURING_GAP - this.#lastDuration,
      maxStaleness === 0 ? refreshInterval : maxStaleness / LISTINGS_A_STALENESS,
    )
    const pause = topic === 'live' || watch === 'live' ? PAUSE_WHILE_PUSHED : PAUSE_OTHERWISE
    return Math.max(wanted, pause * this.#lastDuration)
  }

  /**
   * Milliseconds from now until a requested listing may begin, mostly 0. Listings take at most half of the time, even if a
   * source requests one after another.
   */
  untilRequested(): number {
    const spacing = this.#failures > 0 ? this.#backoff(REQUEST_SPACING_LAST * 2) / 2 : this.#lastDuration
    return Math.max(0, this.#endedAt + spacing - this.#clock.elapsed())
  }

  #backoff(max: number): number {
    return backoffDelay(this.#failures, { first: RETRY_FIRST, max })
  }
}
