import type { PendingPut } from '../journal/index.js'
import { describeError, type Logger } from '../logging/index.js'
import { Outbox, type OutboxDirectory, type OutboxStatus, Unsent } from '../outbox/index.js'
import type { RevocationRecord } from '../revocation/index.js'
import { type PersistentStore, StoreError } from '../sources/source.js'
import { backoffDelay, type Clock, jittered, type Moments, systemClock, within } from '../time/index.js'

/** The part of an older version's journal that keeps what a store has not taken. */
export interface PendingKeeper {
  readonly pendingPuts: readonly PendingPut[]
  putDone(put: PendingPut): void
}

export interface WriteBackOptions {
  readonly store: PersistentStore & Required<Pick<PersistentStore, 'put'>>
  /** Where what waits is kept. Absent: in memory alone, and lost with the process. */
  readonly directory?: OutboxDirectory | undefined
  /** What it still keeps for the store is carried over. */
  readonly journal?: PendingKeeper | undefined
  /** Milliseconds after which a revocation whose end is unknown is not tried any more. */
  readonly retention: number
  /** By which tokens count as ended, and retention is counted. By default the clock. */
  readonly moments?: () => Pick<Moments, 'earliest' | 'retained'>
  readonly logger: Logger
  readonly clock?: Clock
  /** How many may wait in memory without being on disk. Default 10,000. */
  readonly capacity?: number
}

/** What becomes of a revocation that the store is to be told of. */
export interface PutOutcome {
  /** Resolves when the disk keeps it until it is taken; rejects when that can't be had. */
  readonly kept: Promise<void>
  /** Resolves when the store has taken it; rejects when that is not tried any more. */
  readonly taken: Promise<void>
}

/** How the writing back stands, for people. */
export interface WriteBackState {
  readonly store: string
  /** Revocations that the store is still to be told of. */
  readonly waiting: number
  readonly written: number
  /** Attempts that failed. */
  readonly failed: number
  /** Revocations that were given up: there was no room for them, or they expired. */
  readonly dropped: number
  /** Why the last attempt failed, while they do. */
  readonly error?: string
  /** The files of what waits; absent: it waits in memory. */
  readonly outbox?: OutboxStatus & { readonly path: string }
}

const CAPACITY = 10_000
/** Of what waits on disk, so many are in memory to be put next. */
const WINDOW = 1_000
/** Of those that the store refuses, so many are in memory, each with a back-off of its own. */
const MAX_DELAYED = 1_000
const PARALLEL = 32
const RETRY_FIRST = 100
/** The longest wait until a put that the store refused is tried again, ms. */
const RETRY_LAST = 30_000
/** A store that refuses much, as one whose password has changed does, is asked again at this pace at most: ms for each. */
const REFUSED_PACE = 250
/** The longest time without any put, while the store can't be reached, ms. */
const PAUSE_LAST = 5_000
/** A put that takes longer has failed, ms. */
const PUT_TIMEOUT = 30_000
/** How long `stop` waits for the puts that are under way, ms. */
const STOP_TIMEOUT = 2_000

/** A put that is to be made, and how often the store has refused it. */
interface Waiting {
  readonly unsent: Unsent
  readonly outbox: Outbox | undefined
  readonly failures: number
  /** An older copy of it, in another outbox, which goes with it. */
  readonly before?: Waiting
}

/**
 * Tells the store of revocations that arrived through this gateway itself, so that its siblings learn of them. What the
 * store does not take is tried again until it is taken or the token has ended: what the store refuses, each with a back-off
 * of its own and in an outbox of its own, so that it holds no other back; all of them with one while the store can't be
 * reached. The outboxes keep them across restarts, whole and synced, as many as the disk has room for.
 */
export class WriteBack {
  readonly #options: WriteBackOptions
  readonly #clock: Clock
  readonly #waiting: Outbox | undefined
  readonly #refused: Outbox | undefined
  /** To be put now. */
  readonly #queue: Waiting[] = []
  /** What waits for its next attempt, and how to have it now. */
  readonly #delayed = new Map<Waiting, () => void>()
  readonly #underWay = new Set<Promise<void>>()
  /** Those that no outbox has taken. */
  readonly #loose = new Set<Unsent>()
  readonly #refilling = new Set<Outbox>()
  #written = 0
  #failed = 0
  #dropped = 0
  /** Attempts in a row that did not reach the store. */
  #outage = 0
  #unreached: Unsent | undefined
  #error: string | undefined
  #paused = true
  #stopped = false
  #lastLoose = 0

  constructor(options: WriteBackOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#waiting = this.#outbox('waiting')
    this.#refused = this.#outbox('refused')
  }

  /** Begins, with what an earlier run left. */
  start(): void {
    const { journal } = this.#options
    for (const put of journal?.pendingPuts ?? []) {
      const { kept, taken } = this.#add(put.record, put.at)
      Promise.any([kept, taken]).then(
        () => journal?.putDone(put),
        () => undefined, // the journal goes on keeping it
      )
    }
    this.#waiting?.open()
    this.#refused?.open()
    this.#paused = false
    this.#pump()
  }

  /** Puts a record to the store, now or later. */
  put(record: RevocationRecord): PutOutcome {
    return this.#add(record, this.#moments().retained)
  }

  /** What becomes of all that were put before. */
  all(): PutOutcome {
    const none = this.#loose.size === 0
    return {
      kept: none ? Promise.all([this.#waiting?.flush(), this.#refused?.flush()]).then(() => undefined) : rejected(),
      taken: this.state().waiting === 0 ? Promise.resolve() : rejected(),
    }
  }

  state(): WriteBackState {
    const { store, directory } = this.#options
    const [waiting, refused] = [this.#waiting, this.#refused]
    return {
      store: store.name,
      waiting: (waiting?.size ?? 0) + (refused?.size ?? 0) + this.#loose.size,
      written: this.#written,
      failed: this.#failed,
      dropped: this.#dropped,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(directory === undefined || waiting === undefined || refused === undefined
        ? {}
        : { outbox: { path: directory.path, ...both(waiting.status(), refused.status()) } }),
    }
  }

  /** Starts no more puts, and waits a little for those under way. What is left is the outboxes'. */
  async stop(): Promise<void> {
    this.#stopped = true
    await within<unknown>(STOP_TIMEOUT, Promise.all(this.#underWay), tooLate).catch(() => undefined)
    await this.#waiting?.close()
    await this.#refused?.close()
    await this.#options.directory?.release()
  }

  #outbox(name: string): Outbox | undefined {
    const { directory, logger } = this.#options
    if (directory === undefined) return undefined
    const outbox: Outbox = new Outbox({
      directory,
      name,
      logger,
      readable: () => this.#refill(),
      unkept: (unsent) => this.#hold(unsent, outbox),
    })
    return outbox
  }

  #add(record: RevocationRecord, at: number): Unsent {
    const outbox = this.#waiting
    if (outbox !== undefined) {
      const isHeld = !outbox.hasUnread && this.#queue.length < WINDOW
      const unsent = outbox.append(record, at, isHeld)
      if (isHeld) this.#hold(unsent, outbox)
      return unsent
    }
    const unsent = new Unsent({ number: --this.#lastLoose, at, record }, true)
    unsent.keptBecomes(new Error('there is no outbox'))
    this.#hold(unsent, undefined)
    return unsent
  }

  /** Puts one that is in memory, and tries again; only once if there is no room for it. */
  #hold(unsent: Unsent, outbox: Outbox | undefined): void {
    const isLoose = !unsent.isInOutbox
    if (isLoose && this.#loose.size >= (this.#options.capacity ?? CAPACITY)) return void this.#putOnce(unsent)
    if (isLoose) this.#loose.add(unsent)
    this.#queue.push({ unsent, outbox, failures: 0 })
    this.#pump()
  }

  async #putOnce(unsent: Unsent): Promise<void> {
    const { store, logger } = this.#options
    try {
      await within(PUT_TIMEOUT, store.put(unsent.put.record), tooLate)
      this.#written++
      unsent.takenBecomes()
    } catch {
      if (this.#dropped++ === 0) logger.error('too many revocations wait for the store: some are not put to it')
      unsent.takenBecomes(new Error('too many revocations wait for the store'))
    }
  }

  #pump(): void {
    while (!this.#paused && !this.#stopped && this.#underWay.size < this.#parallel()) {
      const next = this.#queue.shift()
      if (next === undefined) break
      const attempt = this.#attempt(next).finally(() => {
        this.#underWay.delete(attempt)
        this.#pump()
      })
      this.#underWay.add(attempt)
    }
    this.#refill()
  }

  /** A store that can't be reached is tried by one put at a time. */
  #parallel(): number {
    return this.#outage === 0 ? PARALLEL : 1
  }

  /** Reads on in the outboxes when there is room in memory. */
  #refill(): void {
    this.#read(this.#waiting, WINDOW, this.#queue.length, (waiting) => this.#queue.push(waiting))
    this.#read(this.#refused, MAX_DELAYED, this.#delayed.size, (waiting) => {
      this.#delay({ ...waiting, failures: 1 }, RETRY_LAST)
    })
  }

  #read(outbox: Outbox | undefined, most: number, present: number, take: (waiting: Waiting) => void): void {
    if (this.#stopped || outbox?.hasUnread !== true || present > most / 2 || this.#refilling.has(outbox)) return
    this.#refilling.add(outbox)
    void outbox.read(most - present).then((found) => {
      this.#refilling.delete(outbox)
      for (const unsent of found) take({ unsent, outbox, failures: 0 })
      if (found.length > 0) this.#pump()
    })
  }

  async #attempt(waiting: Waiting): Promise<void> {
    const { store, logger } = this.#options
    const { unsent, failures } = waiting
    if (this.#isOver(unsent.put)) {
      this.#dropped++
      return this.#done(waiting, new Error('the token has ended'))
    }
    try {
      await within(PUT_TIMEOUT, store.put(unsent.put.record), tooLate)
      if (this.#outage > 0 || failures > 0) logger.info('the store takes revocations again', { store: store.name })
      this.#written++
      this.#error = undefined
      this.#reached()
      this.#done(waiting)
      // It was refused before: others may be taken now, too.
      if (failures > 0) for (const retry of [...this.#delayed.values()]) retry()
    } catch (error) {
      this.#failedAt(waiting, error)
    }
  }

  #done({ unsent, outbox, before }: Waiting, error?: Error): void {
    unsent.takenBecomes(error)
    this.#loose.delete(unsent)
    outbox?.done(unsent)
    if (before !== undefined) this.#done(before, error)
  }

  #failedAt(waiting: Waiting, error: unknown): void {
    const { store, logger } = this.#options
    const { unsent, failures } = waiting
    this.#failed++
    // A store of somebody's own may name what it could not write.
    const reason = describeError(error).replaceAll(unsent.put.record.id, '[token]')
    if (this.#error === undefined && failures === 0) {
      logger.warn('a revocation could not be put to the store; trying again', { store: store.name, reason })
    }
    this.#error = reason
    const isUnreached = isUnreachable(error)
    // The same one twice in a row may be the only one that this store is silent about.
    if (isUnreached && unsent !== this.#unreached) {
      this.#unreached = unsent
      this.#queue.push(waiting)
      this.#pause()
      return
    }
    if (!isUnreached) this.#reached()
    this.#putAside({ ...waiting, failures: failures + 1 }, isUnreached ? PAUSE_LAST : RETRY_LAST)
  }

  #reached(): void {
    this.#outage = 0
    this.#unreached = undefined
  }

  /** Out of the others' way: to the outbox of those that were refused, and in memory if there is room. */
  #putAside(waiting: Waiting, longest: number): void {
    const { unsent, outbox, failures } = waiting
    const refused = this.#refused
    const isThere = outbox === refused && (refused?.hasUnread === false || refused?.isBroken === true)
    if (refused === undefined || isThere) return this.#delay(waiting, longest)
    const isHeld = !refused.hasUnread && this.#delayed.size < MAX_DELAYED
    const { record, at } = unsent.put
    const moved = refused.append(record, at, isHeld)
    moved.kept.then(
      () => {
        this.#loose.delete(unsent)
        outbox?.done(unsent)
      },
      () => undefined, // its first copy stays
    )
    if (isHeld) this.#delay({ unsent: moved, outbox: refused, failures, before: waiting }, longest)
  }

  #delay(waiting: Waiting, longest: number): void {
    const retry = () => {
      cancel()
      this.#delayed.delete(waiting)
      this.#queue.push(waiting)
      this.#pump()
    }
    const pace = REFUSED_PACE * this.#delayed.size
    const cancel = this.#clock.after(Math.max(pace, this.#backoff(waiting.failures, longest)), retry)
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

  #backoff(failures: number, max: number): number {
    return jittered(backoffDelay(failures, { first: RETRY_FIRST, max }), this.#clock.random())
  }

  #isOver({ record, at }: PendingPut): boolean {
    const { earliest, retained } = this.#moments()
    return record.expiresAt === undefined ? retained > at + this.#options.retention : earliest > record.expiresAt
  }

  /** A clock that is set must not end what still waits. */
  #moments(): Pick<Moments, 'earliest' | 'retained'> {
    const now = this.#clock.now()
    return this.#options.moments?.() ?? { earliest: now, retained: now }
  }
}

function both(one: OutboxStatus, other: OutboxStatus): OutboxStatus {
  const error = one.error ?? other.error
  return { damages: one.damages + other.damages, ...(error === undefined ? {} : { error }) }
}

function rejected(): Promise<void> {
  const promise = Promise.reject(new Error('revocations wait for the store'))
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
