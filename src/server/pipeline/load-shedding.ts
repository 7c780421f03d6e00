import { FailureLog, type Logger } from '../../logging/index.js'

/** Milliseconds between two samples of the lag. */
const INTERVAL = 50
/** Samples in a row above the limit after which requests are refused: a collection of garbage is one. */
const IN_A_ROW = 3
/** Percent of the requests by which those refused grow with a sample above the limit, and shrink with one below half of it. */
const MORE = 10
const LESS = 2

/**
 * Refuses a part of the requests while the event loop lags behind, so that the others are answered in time: a bigger part
 * with each sample of the lag that is above the limit, a smaller one with each below half of it, the same between. What must
 * go on (health, revocations) is not asked about here.
 */
export class LoadShedding {
  readonly #maxLag: number
  readonly #log: FailureLog
  #timer: NodeJS.Timeout | undefined
  #lag = 0
  #above = 0
  /** Percent of the requests that are refused. */
  #share = 0
  /** Grows by that with each request; where it reaches 100, that one is refused. */
  #due = 0

  /** @param maxLag milliseconds */
  constructor(maxLag: number, logger: Logger) {
    this.#maxLag = maxLag
    this.#log = new FailureLog(logger, () => performance.now())
  }

  /** Takes samples of the event loop's lag, until `stop`. */
  start(): void {
    let last = performance.now()
    this.#timer ??= setInterval(() => {
      const now = performance.now()
      this.sample(now - last - INTERVAL)
      last = now
    }, INTERVAL).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** @param lag milliseconds by which a timer came too late */
  sample(lag: number): void {
    this.#lag = lag
    this.#above = lag > this.#maxLag ? this.#above + 1 : 0
    if (this.#above >= IN_A_ROW) this.#share = Math.min(100, this.#share + MORE)
    else if (lag < this.#maxLag / 2) this.#share = Math.max(0, this.#share - LESS)
  }

  /** Whether the request that has just come is to be refused. */
  refuses(): boolean {
    if (this.#share === 0) return false
    this.#due += this.#share
    if (this.#due < 100) return false
    this.#due -= 100
    const fields = { lag: Math.round(this.#lag), limit: this.#maxLag }
    this.#log.failed('warn', 'event loop lags; requests answered with 503', undefined, fields)
    return true
  }
}
