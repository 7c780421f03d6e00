import type { SourceStatus } from './record.js'

/** How a source stands, for people: `/ready`, the log, metrics. */
export interface SourceState {
  readonly name: string
  readonly role: 'realtime' | 'store' | 'watch'
  readonly status: SourceStatus
  /** Epoch ms since when. */
  readonly since: number
  readonly detail?: string
}

/** Follows one source's status. */
export class SourceTracker {
  readonly name: string
  readonly role: SourceState['role']
  #status: SourceStatus = 'connecting'
  #since: number
  #detail: string | undefined

  constructor(name: string, role: SourceState['role'], now: number) {
    this.name = name
    this.role = role
    this.#since = now
  }

  get status(): SourceStatus {
    return this.#status
  }

  /** Notes a status; returns the one before if it is another. */
  set(status: SourceStatus, detail: string | undefined, now: number): SourceStatus | undefined {
    this.#detail = detail
    if (status === this.#status) return undefined
    const before = this.#status
    this.#status = status
    this.#since = now
    return before
  }

  /** For people: its name, how it stands, and since when (UTC). */
  inWords(): string {
    return `${this.name} (${this.#status} since ${new Date(this.#since).toISOString()})`
  }

  describe(): SourceState {
    const state = { name: this.name, role: this.role, status: this.#status, since: this.#since }
    return this.#detail === undefined ? state : { ...state, detail: this.#detail }
  }
}
