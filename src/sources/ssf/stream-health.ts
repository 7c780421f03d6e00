import type { SourceStatus } from '../source.js'

/**
 * What is known of a stream, as one status: `live` once events were seen to arrive (a poll stream's backlog was read, or a SET
 * was pushed), and as long as nothing speaks against it.
 */
export class StreamHealth {
  readonly #tell: (status: SourceStatus, detail?: string) => void
  #wasLive = false
  #isProven = false
  #failure: string | undefined
  #status: 'enabled' | 'paused' | 'disabled' = 'enabled'
  #isMissed = false
  #held = 0
  #lacks: string | undefined
  #told = ''

  constructor(tell: (status: SourceStatus, detail?: string) => void) {
    this.#tell = tell
  }

  /** The transmitter can be used. */
  reached(): void {
    this.#failure = undefined
    this.#report()
  }

  /** The transmitter cannot be used, or what it delivers cannot be stored. */
  failed(reason: string): void {
    this.#failure = reason
    this.#report()
  }

  /**
   * The transmitter was polled. What it has more to deliver after a problem is a backlog, to be read before the stream is live.
   *
   * @param held how many events wait because they cannot be judged yet
   */
  polled(held: number, moreAvailable: boolean): void {
    const hadProblem = this.#problem() !== undefined
    this.#failure = undefined
    this.#held = held
    this.#isProven = !moreAvailable || (this.#isProven && !hadProblem)
    this.#report()
  }

  /** Events arrive. */
  proven(): void {
    this.#isProven = true
    this.#report()
  }

  /** Whether a verification event that was asked for is overdue. */
  missed(isMissed: boolean): void {
    this.#isMissed = isMissed
    this.#report()
  }

  /** The transmitter says whether it delivers. */
  updated(status: 'enabled' | 'paused' | 'disabled'): void {
    this.#status = status
    this.#report()
  }

  /** What the stream does not deliver, for people; '' if that is nothing. It is told while the stream is live, too. */
  lacks(what: string): void {
    this.#lacks = what === '' ? undefined : what
  }

  get isEnabled(): boolean {
    return this.#status === 'enabled'
  }

  /** How many events wait because they cannot be judged or stored yet. */
  held(count: number): void {
    this.#held = count
    this.#report()
  }

  #report(): void {
    const problem = this.#problem()
    this.#wasLive ||= problem === undefined && this.#isProven
    const status = problem !== undefined ? (this.#wasLive ? 'gap' : 'failed') : this.#isProven ? 'live' : 'connecting'
    const detail = problem ?? this.#lacks
    const told = `${status} ${detail ?? ''}`
    if (told === this.#told) return
    this.#told = told
    this.#tell(status, detail)
  }

  #problem(): string | undefined {
    if (this.#failure !== undefined) return this.#failure
    if (this.#status !== 'enabled') return `the transmitter has ${this.#status} the stream`
    if (this.#isMissed) return 'no verification event came in time'
    return this.#held > 0 ? `events that cannot be applied yet: ${this.#held}` : undefined
  }
}
