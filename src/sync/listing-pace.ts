import type { SourceStatus } from '../sources/source.js'
import { backoffDelay, type Clock, jittered } from '../time/index.js'

export interface ListingPaceOptions {
  /** Milliseconds between two listings of a healthy store. */
  readonly refreshInterval: number
  /** Milliseconds after which a listing is too old; 0: never. */
  readonly maxStaleness: number
}

/** While the topic cannot be read, a store is the only way to learn of a revocation: listings begin this often. */
const INTERVAL_DURING_GAP = 5_000
/** While revocations arrive as they happen, listings that nobody asks for may take a twentieth of the time, no more. */
const PAUSE_WHILE_PUSHED = 20
/** While they do not, a slow store is listed half of the time: the pause after a listing is as long as it was. */
const PAUSE_OTHERWISE = 1
/** Listings in so many are late, and the list is known all the same. */
const LISTINGS_A_STALENESS = 2
const RETRY_FIRST = 100
const RETRY_LAST = 30_000
/** However often a listing is asked for, a store that fails is left alone for so long at most. */
const REQUEST_SPACING_LAST = 1_000

/** When the store is listed: at intervals, at once when that is asked for, and later and later while it fails. */
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

  /** Listings that failed since one succeeded. */
  get failures(): number {
    return this.#failures
  }

  /** A listing has ended that took `ms`. */
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
   * Milliseconds from the end of the last listing to the next one that nobody asks for.
   *
   * @param topic how the topic stands; `undefined` if there is none
   * @param watch how the watch of the store stands; `undefined` if it has none
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
   * Milliseconds from now until a listing that is asked for may begin, mostly 0. Listings take half of the time at most,
   * even if a source asks for one after another.
   */
  untilRequested(): number {
    const spacing = this.#failures > 0 ? this.#backoff(REQUEST_SPACING_LAST * 2) / 2 : this.#lastDuration
    return Math.max(0, this.#endedAt + spacing - this.#clock.elapsed())
  }

  #backoff(max: number): number {
    return backoffDelay(this.#failures, { first: RETRY_FIRST, max })
  }
}
