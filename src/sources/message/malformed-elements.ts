import type { Logger } from '../../logging/index.js'
import type { MalformedReport } from '../source.js'

export interface MalformedElementsOptions {
  readonly logger: Logger
  /** The line that is logged, with a reason, how many there are and where the first one is. */
  readonly warning: string
  /** Epoch ms. */
  readonly now?: () => number
}

/** The malformed elements of one listing, until it ends. */
export interface MalformedListing<Reason extends string = string> {
  /** Whether there was none so far. */
  readonly isEmpty: boolean
  /** @param at its place or kind; never its value */
  count(reason: Reason, at: string): void
  /** The listing was read whole: its counts replace those of the last listing. */
  end(): void
}

interface Count {
  readonly count: number
  readonly at: string | undefined
}
type Counts<Reason> = Map<Reason, Count>

/** A reason is logged once in this time (ms): a publisher that errs must not fill the disk. */
const WARN_EVERY = 60_000

/**
 * Counts, by reason, the elements of a source of many that could not be read, and logs them: what is good takes
 * effect, and what is not must be visible. `Reason` is a small set of stable words: metrics and logs carry them.
 */
export class MalformedElements<Reason extends string = string> {
  readonly #options: MalformedElementsOptions
  readonly #now: () => number
  readonly #warnedAt = new Map<Reason, number>()
  #listed: Counts<Reason> = new Map()
  /** Those of a stream: before the last listing began, and since. */
  #before: Counts<Reason> = new Map()
  #since: Counts<Reason> = new Map()

  constructor(options: MalformedElementsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Counts one that came by itself, in a message or a change. A warning once a minute a reason; the others at debug. */
  count(reason: Reason, at?: string): void {
    add(this.#since, reason, 1, at)
    const now = this.#now()
    const last = this.#warnedAt.get(reason)
    // A clock that was set back must not silence the warning for long.
    const isRepeated = last !== undefined && now >= last && now - last < WARN_EVERY
    if (isRepeated && !this.#options.logger.debugEnabled) return
    if (!isRepeated) this.#warnedAt.set(reason, now)
    this.#log(isRepeated ? 'debug' : 'warn', reason, this.#sum().get(reason)?.count ?? 0, at)
  }

  /**
   * Begins to count a listing. Once it has ended, its counts replace those from before it began: the same elements are
   * in it again. Logged when there are more of a reason than in the last one.
   */
  listing(): MalformedListing<Reason> {
    for (const [reason, { count, at }] of this.#since) add(this.#before, reason, count, at)
    this.#since = new Map()
    const counts: Counts<Reason> = new Map()
    return {
      get isEmpty() {
        return counts.size === 0
      },
      count: (reason, at) => add(counts, reason, 1, at),
      end: () => {
        const last = this.#listed
        this.#listed = counts
        this.#before = new Map()
        for (const [reason, { count, at }] of counts) {
          if (count > (last.get(reason)?.count ?? 0)) this.#log('warn', reason, count, at)
        }
      },
    }
  }

  /** For `/ready`; `undefined` if there are none. */
  report(): MalformedReport | undefined {
    const sum = [...this.#sum()]
    if (sum.length === 0) return undefined
    const places = sum.flatMap(([reason, { at }]) => (at === undefined ? [] : [[reason, at] as const]))
    return {
      malformed: Object.fromEntries(sum.map(([reason, { count }]) => [reason, count])),
      ...(places.length === 0 ? {} : { malformedAt: Object.fromEntries(places) }),
    }
  }

  #sum(): Counts<Reason> {
    const sum: Counts<Reason> = new Map()
    for (const part of [this.#listed, this.#before, this.#since]) {
      for (const [reason, { count, at }] of part) add(sum, reason, count, at)
    }
    return sum
  }

  #log(level: 'warn' | 'debug', reason: Reason, count: number, first: string | undefined): void {
    const { logger, warning } = this.#options
    logger[level](warning, { reason, count, ...(first === undefined ? {} : { first }) })
  }
}

function add<Reason>(counts: Counts<Reason>, reason: Reason, count: number, at: string | undefined): void {
  const known = counts.get(reason)
  counts.set(reason, { count: (known?.count ?? 0) + count, at: known?.at ?? at })
}
