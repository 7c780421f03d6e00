import type { Logger } from '../logging/index.js'
import type { RevocationRecord } from '../revocation/index.js'
import type { MalformedReport, RevocationSink, SourceStatus } from '../sources/source.js'
import type { Clock } from '../time/index.js'

/** Status of a source, for people: `/ready`, the log, metrics. */
export interface SourceState extends Partial<MalformedReport> {
  readonly name: string
  readonly role: 'realtime' | 'store' | 'watch'
  readonly status: SourceStatus
  /** Epoch ms since when. */
  readonly since: number
  readonly detail?: string
}

/** What to do with a source's messages. */
export interface SourceListener {
  apply(record: RevocationRecord, source: string): void
  resync(reason: string): void
  /** Its status changed. */
  changed(status: SourceStatus): void
}

/** Follows one source's status, and logs its changes. */
export class SourceTracker {
  readonly name: string
  readonly role: SourceState['role']
  readonly #clock: Clock
  readonly #logger: Logger
  #status: SourceStatus = 'connecting'
  #since: number
  #detail: string | undefined

  constructor(name: string, role: SourceState['role'], clock: Clock, logger: Logger) {
    this.name = name
    this.role = role
    this.#clock = clock
    this.#logger = logger
    this.#since = clock.now()
  }

  get status(): SourceStatus {
    return this.#status
  }

  /** Sets the status. Returns whether it changed. */
  set(status: SourceStatus, detail: string | undefined): boolean {
    this.#detail = detail
    if (status === this.#status) return false
    this.#status = status
    this.#since = this.#clock.now()
    if (this.role !== 'realtime') this.#log() // realtime sources log it themselves
    return true
  }

  /** Where the source delivers. */
  sink(listener: SourceListener): RevocationSink {
    return {
      revoked: (record) => listener.apply(record, this.name),
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
    const state = { name: this.name, role: this.role, status: this.#status, since: this.#since, ...malformed }
    return this.#detail === undefined ? state : { ...state, detail: this.#detail }
  }

  #log(): void {
    const [source, status] = [this.name, this.#status]
    if (status === 'live') this.#logger.info('revocation source live', { source })
    else if (status !== 'connecting') {
      this.#logger.warn('revocation source not live', { source, status, reason: this.#detail })
    }
  }
}
