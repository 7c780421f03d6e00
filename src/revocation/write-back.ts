import { describeError, type Logger } from '../logging/index.js'
import { type Clock, systemClock } from './clock.js'
import type { PendingPut } from './journal/index.js'
import { StoreError } from './persistent/store-error.js'
import type { PersistentStore, RevocationRecord } from './record.js'
import { within } from './within.js'

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
/** The longest wait until a put that failed is tried again, ms. */
const RETRY_LAST = 30_000
/** A store that refuses much, as one whose password has changed does, is asked again at this pace at most: ms for each. */
const REFUSED_PACE = 250
/** The longest time without any put, while the store can't be reached, ms. */
const PAUSE_LAST = 5_000
/** A put that takes longer has failed, ms. */
const PUT_TIMEOUT = 30_000
/** How long `stop` waits for the puts that are under way, ms. */
const STOP_TIMEOUT = 2_000

/** What became of a revocation that the store is to be told of. */
export interface PutOutcome {
  /** Resolves when the journal keeps it until it is taken; rejects when nothing does. */
  readonly kept: Promise<void>
  /** Resolves when the store has taken it; rejects when that is not tried any more. */
  readonly taken: Promise<void>
}

/** A put that is to be made, and how often the store has refused it. */
interface Waiting {
  readonly put: PendingPut
  readonly failures: number
  /** Tells whoever waits for the store that it has taken it, or that it is not asked any more. */
  readonly settle: (error?: Error) => void
}

/**
 * Tells the store of revocations that arrived through this gateway itself, so that its siblings learn of them. What the
 * store does not take is tried again until it is taken or the token has ended: each put with a back-off of its own, so
 * that one which the store refuses holds no other back, and all of them with one while the store can't be reached. A
 * journal keeps them across restarts.
 */
export class WriteBack {
  readonly #options: WriteBackOptions
  readonly #clock: Clock
  /** To be put now. */
  readonly #queue: Waiting[] = []
  /** What waits for its next attempt, and how to have it now. */
  readonly #delayed = new Map<Waiting, () => void>()
  readonly #underWay = new Set<Promise<void>>()
  #written = 0
  #failed = 0
  #dropped = 0
  /** Attempts in a row that did not reach the store. */
  #outage = 0
  #unreached: PendingPut | undefined
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
    const known = new Set(this.#queue.map(({ put }) => put))
    const left = (this.#options.journal?.pendingPuts ?? []).filter((put) => !known.has(put))
    this.#queue.unshift(...left.map((put) => ({ put, failures: 0, settle: () => undefined })))
    this.#paused = false
    this.#pump()
  }

  /** Puts a record to the store, now or later. The journal, if there is one, has been told when this returns. */
  put(record: RevocationRecord): PutOutcome {
    const { journal, capacity = CAPACITY, logger } = this.#options
    const at = this.#clock.now()
    const put =
      this.#waiting >= capacity
        ? undefined
        : journal === undefined
          ? this.#own(record, at)
          : journal.addPending(record, at)
    if (put === undefined) {
      if (this.#dropped++ === 0) logger.error('too many revocations wait for the store: some are not put to it')
      const full = rejected(new Error('too many revocations wait for the store'))
      return { kept: full, taken: full }
    }
    const taken = new Promise<void>((resolve, reject) => {
      this.#queue.push({ put, failures: 0, settle: (error) => (error === undefined ? resolve() : reject(error)) })
    })
    taken.catch(() => undefined)
    this.#pump()
    return { kept: journal === undefined ? rejected(new Error('there is no journal')) : Promise.resolve(), taken }
  }

  /** What became of all that were put before. */
  all(): PutOutcome {
    return {
      kept: Promise.resolve(),
      taken: this.#waiting === 0 ? Promise.resolve() : rejected(new Error('revocations wait for the store')),
    }
  }

  state(): WriteBackState {
    const state = {
      store: this.#options.store.name,
      waiting: this.#waiting,
      written: this.#written,
      failed: this.#failed,
      dropped: this.#dropped,
    }
    return this.#error === undefined ? state : { ...state, error: this.#error }
  }

  /** Starts no more puts, and waits a little for those under way. What is left is the journal's. */
  async stop(): Promise<void> {
    this.#stopped = true
    await within<unknown>(STOP_TIMEOUT, Promise.all(this.#underWay), tooLate).catch(() => undefined)
  }

  get #waiting(): number {
    return this.#queue.length + this.#delayed.size + this.#underWay.size
  }

  #own(record: RevocationRecord, at: number): PendingPut {
    return { number: --this.#unkept, at, record }
  }

  #pump(): void {
    while (!this.#paused && !this.#stopped && this.#underWay.size < this.#parallel()) {
      const next = this.#queue.shift()
      if (next === undefined) return
      const attempt = this.#attempt(next).finally(() => {
        this.#underWay.delete(attempt)
        this.#pump()
      })
      this.#underWay.add(attempt)
    }
  }

  /** A store that can't be reached is tried by one put at a time. */
  #parallel(): number {
    return this.#outage === 0 ? PARALLEL : 1
  }

  async #attempt(waiting: Waiting): Promise<void> {
    const { store, journal, logger } = this.#options
    const { put } = waiting
    if (this.#isOver(put)) {
      this.#dropped++
      journal?.putDone(put)
      waiting.settle(new Error('the token has ended'))
      return
    }
    try {
      await within(PUT_TIMEOUT, store.put(put.record), tooLate)
      if (this.#outage > 0 || waiting.failures > 0)
        logger.info('the store takes revocations again', { store: store.name })
      this.#written++
      this.#error = undefined
      this.#reached()
      journal?.putDone(put)
      waiting.settle()
      // It was refused before: others may be taken now, too.
      if (waiting.failures > 0) for (const retry of [...this.#delayed.values()]) retry()
    } catch (error) {
      this.#failedAt(waiting, error)
    }
  }

  #failedAt(waiting: Waiting, error: unknown): void {
    const { store, logger } = this.#options
    const { put, failures } = waiting
    this.#failed++
    // A store of somebody's own may name what it could not write.
    const reason = describeError(error).replaceAll(put.record.id, '[token]')
    if (this.#error === undefined && failures === 0) {
      logger.warn('a revocation could not be put to the store; trying again', { store: store.name, reason })
    }
    this.#error = reason
    const isUnreached = isUnreachable(error)
    // The same one twice in a row may be the only one that this store is silent about.
    if (isUnreached && put !== this.#unreached) {
      this.#unreached = put
      this.#queue.push(waiting)
      this.#pause()
      return
    }
    if (!isUnreached) this.#reached()
    this.#delay({ ...waiting, failures: failures + 1 })
  }

  #reached(): void {
    this.#outage = 0
    this.#unreached = undefined
  }

  #delay(waiting: Waiting): void {
    const retry = () => {
      cancel()
      this.#delayed.delete(waiting)
      this.#queue.push(waiting)
      this.#pump()
    }
    const pace = REFUSED_PACE * this.#delayed.size
    const cancel = this.#clock.after(Math.max(pace, this.#backoff(waiting.failures, RETRY_LAST)), retry)
    this.#delayed.set(waiting, retry)
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#outage++
    this.#clock.after(this.#backoff(this.#outage, PAUSE_LAST), () => {
      this.#paused = false
      this.#pump()
    })
  }

  /** Half of it fixed, and half random. */
  #backoff(failures: number, longest: number): number {
    const ceiling = Math.min(longest, RETRY_FIRST * 2 ** Math.min(failures - 1, 20))
    return ceiling / 2 + (ceiling / 2) * this.#clock.random()
  }

  #isOver({ record, at }: PendingPut): boolean {
    return this.#clock.now() > (record.expiresAt ?? at + this.#options.retention)
  }
}

function rejected(error: Error): Promise<void> {
  const promise = Promise.reject(error)
  promise.catch(() => undefined)
  return promise
}

function tooLate(): StoreError {
  return new StoreError('ERR_STORE_UNREACHABLE', `the store did not answer within ${PUT_TIMEOUT} ms`)
}

/** Whether it says of the store, rather than of this one put, that nothing can be put. */
function isUnreachable(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'ERR_STORE_UNREACHABLE'
}
