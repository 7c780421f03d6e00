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
 * else knows, must come back before another is asked for, or be given up. One that is refused is asked for again. Pure: `now` is monotonic, ms.
 */
export class Verification {
  readonly #timing: VerificationTiming
  #state: string | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #notBefore = Number.NEGATIVE_INFINITY
  /** When (ms) the first request was refused since an event came. */
  #refusedSince: number | undefined
  #isMissed = false

  constructor(timing: VerificationTiming) {
    this.#timing = timing
  }

  /** When to ask next. */
  get dueAt(): number {
    const { interval, patience } = this.#timing
    if (interval === 0) return Number.POSITIVE_INFINITY
    let pause = interval
    if (this.#state !== undefined) pause = Math.max(interval, patience)
    else if (this.#refusedSince !== undefined) pause = Math.min(interval, patience)
    return Math.max(this.#askedAt + pause, this.#notBefore)
  }

  /**
   * A request is about to be sent, with the state that is returned.
   *
   * @param minInterval how long the transmitter wants to be left alone
   */
  ask(now: number, minInterval: number): string {
    if (this.#state !== undefined) this.#isMissed = true
    this.#askedAt = now
    this.#notBefore = now + minInterval
    this.#state = randomBytes(16).toString('base64url')
    return this.#state
  }

  /** The request was not accepted. An event is missed if that goes on for as long as one is waited for. */
  refused(): void {
    this.#state = undefined
    this.#refusedSince ??= this.#askedAt
    if (this.#askedAt - this.#refusedSince >= this.#timing.patience) this.#isMissed = true
  }

  /**
   * A verification event came. `unasked` is one that the transmitter sends by itself, or that an earlier run asked for;
   * `wrong` one with another state than the one that is waited for.
   */
  received(state: string | undefined): 'matched' | 'unasked' | 'wrong' {
    if (state === undefined || this.#state === undefined) return 'unasked'
    if (state !== this.#state) return 'wrong'
    this.#state = undefined
    this.#refusedSince = undefined
    this.#isMissed = false
    return 'matched'
  }

  /** Whether an event that was asked for has not come in time. It stays so until one comes. */
  isMissed(now: number): boolean {
    if (this.#state !== undefined && now - this.#askedAt > this.#timing.patience) this.#isMissed = true
    return this.#isMissed
  }
}
