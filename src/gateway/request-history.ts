/** Milliseconds between two looks, and how many are kept: ten minutes. */
const INTERVAL = 5_000
const KEPT = 120

/** How many requests were answered in the last minutes, by reason. */
export interface RecentRequests {
  /** Milliseconds that each number counts. */
  readonly interval: number
  /** By reason, the oldest first; all of one length. Reasons without a request are left out. */
  readonly counts: Readonly<Record<string, readonly number[]>>
}

type Counts = Readonly<Record<string, number>>

/**
 * Remembers how often requests were answered, by reason, in each of the last intervals. To read what workers have counted so
 * often also bounds what is lost when one crashes.
 */
export class RequestHistory {
  readonly #read: () => Promise<Counts>
  readonly #interval: number
  readonly #timer: NodeJS.Timeout
  /** Of each interval, the oldest first: what was counted in it. */
  readonly #intervals: Counts[] = []
  #last: Counts = {}
  #looking = false

  /** @param read all that was counted since the start, by reason */
  constructor(read: () => Promise<Counts>, interval = INTERVAL) {
    this.#read = read
    this.#interval = interval
    // What one look misses, the next one counts.
    this.#timer = setInterval(() => this.look().catch(() => undefined), interval)
    this.#timer.unref()
  }

  /** Looks once; not while another look is under way. */
  async look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const now = await this.#read()
      this.#intervals.push(difference(now, this.#last))
      if (this.#intervals.length > KEPT) this.#intervals.shift()
      this.#last = now
    } finally {
      this.#looking = false
    }
  }

  get recent(): RecentRequests {
    const reasons = new Set(this.#intervals.flatMap((counts) => Object.keys(counts)))
    const counts = [...reasons].map((reason) => [reason, this.#intervals.map((each) => each[reason] ?? 0)])
    return { interval: this.#interval, counts: Object.fromEntries(counts) as Record<string, number[]> }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
  }
}

/** By how much counts have grown, where they have. */
function difference(now: Counts, last: Counts): Counts {
  return Object.fromEntries(
    Object.entries(now).flatMap(([reason, count]) => {
      const more = count - (last[reason] ?? 0)
      return more > 0 ? [[reason, more]] : []
    }),
  )
}
