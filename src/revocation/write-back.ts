import { describeError, type Logger } from '../logging/index.js'
import { type Clock, systemClock } from './clock.js'
import type { PendingPut } from './journal/index.js'
import type { PersistentStore, RevocationRecord } from './record.js'

/** The part of the journal that keeps what a store has not taken yet. */
export interface PendingKeeper {
  readonly pendingPuts: readonly PendingPut[]
  addPending(record: RevocationRecord, at: number): PendingPut | undefined
  putDone(put: PendingPut): void
}

export interface WriteBackOptions {
  readonly store: PersistentStore & Required<Pick<PersistentStore, 'put'>>
  /** Absent: what is not in the store yet is lost with the process. */
  readonly journal?: PendingKeeper | undefined
  /** Milliseconds after which a revocation whose end is unknown is not tried any more. */
  readonly retention: number
  readonly logger: Logger
  readonly clock?: Clock
  /** How many may wait. Default 10,000. */
  readonly capacity?: number
}

/** How the writing back stands, for people. */
export interface WriteBackState {
  readonly store: string
  /** Revocations that the store is still to be told of. */
  readonly waiting: number
  readonly written: number
  /** Attempts that failed. */
  readonly failed: number
  /** Revocations that were given up: too many waited, or they expired. */
  readonly dropped: number
  /** Why the last attempt failed, while they do. */
  readonly error?: string
}

const CAPACITY = 10_000
const PARALLEL = 8
const RETRY_FIRST = 100
const RETRY_LAST = 30_000
/** A put that takes longer has failed, ms. */
const PUT_TIMEOUT = 30_000
/** How long `stop` waits for the puts that are under way, ms. */
const STOP_TIMEOUT = 2_000

/**
 * Tells the store of revocations that arrived through this gateway itself, so that its siblings learn of them. What the
 * store does not take is tried again, with back-off, until it is taken or the token has ended; a journal keeps it
 * across restarts.
 */
export class WriteBack {
  readonly #options: WriteBackOptions
  readonly #clock: Clock
  readonly #queue: PendingPut[] = []
  readonly #underWay = new Set<Promise<void>>()
  #written = 0
  #failed = 0
  #dropped = 0
  #failures = 0
  #error: string | undefined
  #paused = true
  #stopped = false
  #unkept = 0

  constructor(options: WriteBackOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Begins, with what an earlier run left. */
  start(): void {
    this.#queue.unshift(...(this.#options.journal?.pendingPuts ?? []).filter((put) => !this.#queue.includes(put)))
    this.#paused = false
    this.#pump()
  }

  /** Puts a record to the store, now or later. Returns at once; the journal, if there is one, has been told. */
  put(record: RevocationRecord): void {
    const { journal, capacity = CAPACITY, logger } = this.#options
    const at = this.#clock.now()
    const waiting = this.#queue.length + this.#underWay.size
    const put =
      waiting >= capacity ? undefined : journal === undefined ? this.#own(record, at) : journal.addPending(record, at)
    if (put === undefined) {
      if (this.#dropped++ === 0) logger.error('too many revocations wait for the store: some are not put to it')
      return
    }
    this.#queue.push(put)
    this.#pump()
  }

  state(): WriteBackState {
    const state = {
      store: this.#options.store.name,
      waiting: this.#queue.length + this.#underWay.size,
      written: this.#written,
      failed: this.#failed,
      dropped: this.#dropped,
    }
    return this.#error === undefined ? state : { ...state, error: this.#error }
  }

  /** Starts no more puts, and waits a little for those under way. What is left is the journal's. */
  async stop(): Promise<void> {
    this.#stopped = true
    let cancel = (): void => undefined
    const enough = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, STOP_TIMEOUT)
      cancel = () => clearTimeout(timer)
    })
    await Promise.race([Promise.all(this.#underWay), enough])
    cancel()
  }

  #own(record: RevocationRecord, at: number): PendingPut {
    return { number: --this.#unkept, at, record }
  }

  #pump(): void {
    while (!this.#paused && !this.#stopped && this.#underWay.size < this.#parallel()) {
      const put = this.#queue.shift()
      if (put === undefined) return
      const attempt = this.#attempt(put).finally(() => {
        this.#underWay.delete(attempt)
        this.#pump()
      })
      this.#underWay.add(attempt)
    }
  }

  /** A store that fails is tried by one put at a time. */
  #parallel(): number {
    return this.#failures === 0 ? PARALLEL : 1
  }

  async #attempt(put: PendingPut): Promise<void> {
    const { store, journal, logger } = this.#options
    if (this.#isOver(put)) {
      this.#dropped++
      journal?.putDone(put)
      return
    }
    try {
      await within(PUT_TIMEOUT, store.put(put.record))
      if (this.#error !== undefined) logger.info('the store takes revocations again', { store: store.name })
      this.#written++
      this.#failures = 0
      this.#error = undefined
      journal?.putDone(put)
    } catch (error) {
      this.#failed++
      this.#failures++
      // A store of somebody's own may name what it could not write.
      const reason = describeError(error).replaceAll(put.record.id, '[token]')
      if (this.#error === undefined) {
        logger.warn('a revocation could not be put to the store; trying again', {
          store: store.name,
          reason,
        })
      }
      this.#error = reason
      // At the end: one that the store will never take must not hold the others back.
      this.#queue.push(put)
      this.#pause()
    }
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    const ceiling = Math.min(RETRY_LAST, RETRY_FIRST * 2 ** Math.min(this.#failures - 1, 20))
    this.#clock.after(ceiling / 2 + (ceiling / 2) * this.#clock.random(), () => {
      this.#paused = false
      this.#pump()
    })
  }

  #isOver({ record, at }: PendingPut): boolean {
    return this.#clock.now() > (record.expiresAt ?? at + this.#options.retention)
  }
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the store did not answer within ${ms} ms`)), ms)
    timer.unref()
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}
