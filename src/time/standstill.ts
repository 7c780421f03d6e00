/** Milliseconds after which an event loop that has not come round has stood still: as long as a worker's lease. */
export const STANDSTILL = 5_000
/** Milliseconds between two looks. */
const BEAT = 250
/** Beats after a standstill until what came meanwhile has been read: the first is behind what waits, the next behind its answers. */
const BEATS_TO_READ = 2

/**
 * Notices that this process stood still: it was stopped, suspended with its machine, or starved. What came meanwhile waits in its
 * connections, requests before the revocation of their token, and timers are due that give those connections up.
 */
export class Standstill {
  readonly #now: () => number
  #beatAt: number
  #beatsLeft = 0
  #woke: () => void = () => undefined
  #timer: NodeJS.Timeout | undefined

  /** @param now monotonic milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#beatAt = now()
  }

  /** Calls `woke`, synchronously, after each standstill: from a timer, or from the first read of {@link isCatchingUp} after it. */
  start(woke: () => void): void {
    this.#woke = woke
    this.#beatAt = this.#now()
    this.#beatsLeft = 0
    this.#timer ??= setInterval(() => setImmediate(() => this.beat()), BEAT).unref() // after pending input
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Whether what came during a standstill may still wait to be read. Looks at the clock: nothing slips through before a timer. */
  get isCatchingUp(): boolean {
    this.#look()
    return this.#beatsLeft > 0
  }

  /** The event loop has come round. */
  beat(): void {
    this.#look()
    if (this.#beatsLeft > 0) this.#beatsLeft--
    this.#beatAt = this.#now()
  }

  #look(): void {
    const now = this.#now()
    if (now - this.#beatAt <= STANDSTILL) return
    this.#beatAt = now
    this.#beatsLeft = BEATS_TO_READ
    this.#woke()
  }
}
