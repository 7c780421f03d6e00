import type { Fields, Logger } from './logger.js'

/** A failure that goes on is logged again after so long, ms. */
const AGAIN_AFTER = 60_000
/** Failures that are told apart. Their texts come from outside: beyond, all begin anew. */
const MAX_TOLD_APART = 32

/**
 * Logs the failures of one source that is tried again and again: each different one when it first comes, and then once a
 * minute with how often it came since (`count`); the others at debug. {@link over} is to be called when the source is back.
 */
export class FailureLog {
  readonly #logger: Logger
  readonly #elapsed: () => number
  readonly #told = new Map<string, { at: number; count: number }>()

  /** @param elapsed monotonic milliseconds */
  constructor(logger: Logger, elapsed: () => number) {
    this.#logger = logger
    this.#elapsed = elapsed
  }

  /** A line is the same as another of the same text and `reason`, whatever the other fields. */
  failed(level: 'warn' | 'error', text: string, reason: string | undefined, fields: Fields = {}): void {
    const now = this.#elapsed()
    const line = reason === undefined ? fields : { ...fields, reason }
    const key = JSON.stringify([text, reason])
    const told = this.#told.get(key)
    if (told !== undefined && now - told.at < AGAIN_AFTER) {
      told.count++
      this.#logger.debug(text, line)
      return
    }
    if (told === undefined && this.#told.size >= MAX_TOLD_APART) this.#told.clear()
    this.#told.set(key, { at: now, count: 0 })
    const counted = told === undefined ? line : { ...line, count: told.count + 1 }
    if (level === 'warn') this.#logger.warn(text, counted)
    else this.#logger.error(text, undefined, counted)
  }

  /** The source works: whatever fails next is a new failure. */
  over(): void {
    this.#told.clear()
  }
}
