import { randomBytes } from 'node:crypto'

/** How often, and for how long, verification events are asked and waited for. Milliseconds. */
export interface VerificationTiming {
  /** 0: none is asked for. */
  readonly interval: number
  /** A transmitter that pushes in batches may take half a minute. */
  readonly patience: number
}

/**
 * Whether a stream delivers, by verification events (SSF 1.0 §8.1.4): one is asked for at intervals, and its `state`, which nobody
 * else knows, must come back. Pure: `now` is monotonic, ms.
 */
export class Verification {
  readonly #timing: VerificationTiming
  #state: string | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #notBefore = Number.NEGATIVE_INFINITY
  #isMissed = false

  constructor(timing: VerificationTiming) {
    this.#timing = timing
  }

  /** When to ask next. */
  get dueAt(): number {
    const { interval } = this.#timing
    if (interval === 0) return Number.POSITIVE_INFINITY
    return Math.max(this.#askedAt + interval, this.#notBefore)
  }

  /**
   * A request is about to be sent, with the state that is returned.
   *
   * @param minInterval how long the transmitter wants to be left alone
   */
  ask(now: number, minInterval: number): string {
    this.#askedAt = now
    this.#notBefore = now + minInterval
    this.#state = randomBytes(16).toString('base64url')
    return this.#state
  }

  /** The request was not accepted: nothing is to be expected. */
  refused(): void {
    this.#state = undefined
  }

  /**
   * A verification event came. `unasked` is one that the transmitter sends by itself, or that an earlier run asked for;
   * `wrong` one with another state than the one that is waited for.
   */
  received(state: string | undefined): 'matched' | 'unasked' | 'wrong' {
    if (state === undefined || this.#state === undefined) return 'unasked'
    if (state !== this.#state) return 'wrong'
    this.#state = undefined
    this.#isMissed = false
    return 'matched'
  }

  /** Whether an event that was asked for has not come in time. It stays so until one comes. */
  isMissed(now: number): boolean {
    if (this.#state !== undefined && now - this.#askedAt > this.#timing.patience) this.#isMissed = true
    return this.#isMissed
  }
}
