import { FailureLog, type Logger } from '../logging/index.js'
import { Histogram } from '../metrics/index.js'
import type { RevocationRecord } from '../revocation/index.js'
import type { MalformedReport, RevocationSink, SourceStatus } from '../sources/source.js'
import type { Clock } from '../time/index.js'

/** Status of a source, for people: `/ready`, the log, metrics. */
export interface SourceState extends Partial<MalformedReport> {
  readonly name: string
  readonly role: 'realtime' | 'store' | 'watch' | 'push' | 'stream'
  readonly status: SourceStatus
  /** Epoch ms since when. */
  readonly since: number
  /** Revocations that it has pushed, and when the last one came (epoch ms). A store's listings are not counted here. */
  readonly revocations: number
  readonly lastRevocationAt?: number
  readonly detail?: string
}

/** What to do with a source's messages. */
export interface SourceListener {
  apply(record: RevocationRecord, source: string): void
  resync(reason: string): void
  /** Its status changed. */
  changed(status: SourceStatus): void
}

/** Follows one source's status, and logs its changes and failures. */
export class SourceTracker {
  readonly name: string
  readonly role: SourceState['role']
  /** From publishing to learning, of those whose publishing time is known. */
  readonly lag = new Histogram()
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #failures: FailureLog
  #status: SourceStatus = 'connecting'
  #since: number
  #detail: string | undefined
  #revocations = 0
  #lastAt: number | undefined

  constructor(name: string, role: SourceState['role'], clock: Clock, logger: Logger) {
    this.name = name
    this.role = role
    this.#clock = clock
    this.#logger = logger
    this.#failures = new FailureLog(logger, () => clock.elapsed())
    this.#since = clock.now()
  }

  get status(): SourceStatus {
    return this.#status
  }

  /** Sets the status. Returns whether it changed. */
  set(status: SourceStatus, detail: string | undefined): boolean {
    this.#detail = detail
    const changed = status !== this.#status
    this.#status = status
    if (changed) this.#since = this.#clock.now()
    if (this.role !== 'realtime') this.#log(changed) // realtime sources log it themselves
    return changed
  }

  /** Where the source delivers. */
  sink(listener: SourceListener): RevocationSink {
    return {
      revoked: (record, publishedAt) => {
        this.learnt(publishedAt)
        listener.apply(record, this.name)
      },
      resync: (reason) => listener.resync(reason),
      state: (status, detail) => {
        if (this.set(status, detail)) listener.changed(status)
      },
    }
  }

  /** Name, status and since when (UTC), for people. */
  inWords(): string {
    return `${this.name} (${this.#status} since ${new Date(this.#since).toISOString()})`
  }

  /** @param malformed the elements that could not be read */
  describe(malformed: MalformedReport | undefined): SourceState {
    return {
      name: this.name,
      role: this.role,
      status: this.#status,
      since: this.#since,
      revocations: this.#revocations,
      ...(this.#lastAt === undefined ? {} : { lastRevocationAt: this.#lastAt }),
      ...malformed,
      ...(this.#detail === undefined ? {} : { detail: this.#detail }),
    }
  }

  /** It delivered a revocation, which was published at `publishedAt` (epoch ms). */
  learnt(publishedAt?: number): void {
    const now = this.#clock.now()
    this.#revocations++
    this.#lastAt = now
    if (publishedAt !== undefined) this.lag.observe(Math.max(0, now - publishedAt))
  }

  #log(changed: boolean): void {
    const [source, status] = [this.name, this.#status]
    if (status === 'connecting') return
    if (status === 'live') {
      this.#failures.over()
      if (changed) this.#logger.info('revocation source live', { source })
    } else if (this.role === 'store') {
      this.#failures.failed('warn', 'cannot list the store; retrying', this.#detail, { store: source })
    } else this.#failures.failed('warn', 'revocation source not live', this.#detail, { source, status })
  }
}
