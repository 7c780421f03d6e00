import type { PendingPut } from '../journal/index.js'
import { describeError } from '../logging/index.js'
import { type Outbox, StorePut } from '../outbox/index.js'
import { LATEST_USE, type RevocationRecord, redacted } from '../revocation/index.js'
import { type PersistentStore, StoreError } from '../sources/source.js'
import { type Clock, systemClock, type TimeBounds, within } from '../time/index.js'
import type { PutOutcome, WriteBackOptions, WriteBackState } from './options.js'
import { PutOutboxes } from './put-outboxes.js'
import { PutQueue } from './put-queue.js'

const CAPACITY = 10_000
/** How many of those that wait on disk are in memory, to be put next. */
const WINDOW = 1_000
/** How many of those that the store refused are in memory, each with its own back-off. */
const MAX_DELAYED = 1_000
/** A put that takes longer has failed, ms. */
const PUT_TIMEOUT = 30_000
const KEEPS_NO_ISSUERS =
  'the store keeps no issuers: rules about one issuer, and about claims, are not written to it, so that other gateways do not learn of ' +
  "them; token ids are written without their issuer; let the store module keep iss and claims and say keepsIssuers: true, or set persistent.issuer to the rules' issuer"
/** How long `stop` waits for puts under way, ms. */
const STOP_TIMEOUT = 2_000

/** A put to make, and how often the store has refused it. */
interface Waiting {
  readonly put: StorePut
  readonly outbox: Outbox | undefined
  readonly failures: number
  /** An older copy in another outbox, done with this one. */
  readonly earlierCopy?: Waiting
}

/**
 * Puts revocations that arrived through this gateway itself to the store, so that other gateways learn of them. Retries
 * until the store has taken each or no gateway accepts its token any more. {@link PutQueue} says when; outboxes keep them across restarts.
 */
export class WriteBack {
  readonly #options: WriteBackOptions
  readonly #outboxes: PutOutboxes
  readonly #queue: PutQueue<Waiting>
  /** Those that no outbox has taken. */
  readonly #loose = new Set<StorePut>()
  #written = 0
  #failed = 0
  #warnedOfKind = false
  #dropped = 0
  #unstorable = 0
  #lastUnanswered: StorePut | undefined
  #error: string | undefined
  #lastLoose = 0
  readonly #clock: Clock

  constructor(options: WriteBackOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#outboxes = new PutOutboxes({
      directory: options.directory,
      logger: options.logger,
      readable: () => this.#refill(),
      unkept: (put, outbox) => this.#hold(put, outbox),
    })
    this.#queue = new PutQueue({
      attempt: (waiting) => this.#attempt(waiting),
      pumped: () => this.#refill(),
      clock: this.#clock,
    })
  }

  /** Starts, with what an earlier run left. */
  start(): void {
    const { journal } = this.#options
    for (const put of journal?.pendingPuts ?? []) {
      const { kept, taken } = this.#add(put.record, put.at)
      Promise.any([kept, taken]).then(
        () => journal?.putDone(put),
        () => undefined, // the journal still keeps it
      )
    }
    this.#outboxes.waiting?.open()
    this.#outboxes.refused?.open()
    this.#queue.start()
  }

  /** A record as the store can keep it; `undefined` if it cannot. */
  storable(record: RevocationRecord): RevocationRecord | undefined {
    const { store, logger, onlyIssuer } = this.#options
    const kept = storable(store, record, onlyIssuer)
    if (kept === undefined) this.#unstorable++
    if (kept !== record && !this.#warnedOfKind) {
      this.#warnedOfKind = true
      logger.warn(KEEPS_NO_ISSUERS, { store: store.name })
    }
    return kept
  }

  /** Puts a {@link storable} record to the store, now or later. */
  put(record: RevocationRecord): PutOutcome {
    return this.#add(record, this.#bounds().retained)
  }

  /** The outcome of all earlier puts together. */
  all(): PutOutcome {
    return {
      kept: this.#loose.size === 0 ? this.#outboxes.flush() : rejected(),
      taken: this.state().waiting === 0 ? Promise.resolve() : rejected(),
    }
  }

  state(): WriteBackState {
    const outbox = this.#outboxes.status()
    return {
      store: this.#options.store.name,
      waiting: this.#outboxes.size + this.#loose.size,
      written: this.#written,
      failed: this.#failed,
      dropped: this.#dropped + this.#unstorable,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(outbox === undefined ? {} : { outbox }),
    }
  }

  /** Starts no more puts, and waits up to 2 s for those under way. The outboxes keep the rest. */
  async stop(): Promise<void> {
    this.#outboxes.stopReading()
    await within(STOP_TIMEOUT, this.#queue.stop(), tooLate).catch(() => undefined)
    await this.#outboxes.close()
  }

  #add(record: RevocationRecord, at: number): StorePut {
    const outbox = this.#outboxes.waiting
    if (outbox !== undefined) {
      const isHeld = !outbox.hasUnread && this.#queue.due < WINDOW
      const put = outbox.append(record, at, isHeld)
      if (isHeld) this.#hold(put, outbox)
      return put
    }
    const put = new StorePut({ number: --this.#lastLoose, at, record }, true)
    put.settleKept(new Error('there is no outbox'))
    this.#hold(put, undefined)
    return put
  }

  /** Queues a put that is in memory; if it is on no disk and memory is full, tries it only once. */
  #hold(put: StorePut, outbox: Outbox | undefined): void {
    const isLoose = !put.isInOutbox
    if (isLoose && this.#loose.size >= (this.#options.capacity ?? CAPACITY)) return void this.#putOnce(put)
    if (isLoose) this.#loose.add(put)
    this.#queue.add({ put, outbox, failures: 0 })
    this.#queue.pump()
  }

  async #putOnce(put: StorePut): Promise<void> {
    const { store, logger } = this.#options
    try {
      await within(PUT_TIMEOUT, store.put(put.record), tooLate)
      this.#written++
      put.settleTaken()
    } catch {
      if (this.#dropped++ === 0) logger.error('too many revocations wait for the store; dropping some')
      put.settleTaken(new Error('too many revocations wait for the store'))
    }
  }

  /** Reads on in the outboxes as memory allows. */
  #refill(): void {
    const { waiting, refused } = this.#outboxes
    this.#outboxes.read(waiting, WINDOW, this.#queue.due, (found) => {
      for (const put of found) this.#queue.add({ put, outbox: waiting, failures: 0 })
      if (found.length > 0) this.#queue.pump()
    })
    this.#outboxes.read(refused, MAX_DELAYED, this.#queue.delayed, (found) => {
      for (const put of found) this.#queue.delay({ put, outbox: refused, failures: 1 }, true)
      if (found.length > 0) this.#queue.pump()
    })
  }

  async #attempt(waiting: Waiting): Promise<void> {
    const { store, logger } = this.#options
    const { put, failures } = waiting
    if (this.#isOver(put)) {
      this.#dropped++
      return this.#done(waiting, new Error('the token has ended'))
    }
    try {
      await within(PUT_TIMEOUT, store.put(put.record), tooLate)
      if (this.#queue.isUnreachable || failures > 0) logger.info('store writes recovered', { store: store.name })
      this.#written++
      this.#error = undefined
      this.#reached()
      this.#done(waiting)
      if (failures > 0) this.#queue.retryDelayed() // the store may accept the other refused ones now, too
    } catch (error) {
      this.#failedAt(waiting, error)
    }
  }

  #done({ put, outbox, earlierCopy }: Waiting, error?: Error): void {
    put.settleTaken(error)
    this.#loose.delete(put)
    outbox?.done(put)
    if (earlierCopy !== undefined) this.#done(earlierCopy, error)
  }

  #failedAt(waiting: Waiting, error: unknown): void {
    const { store, logger } = this.#options
    const { put, failures } = waiting
    this.#failed++
    // A custom store's error may contain the id.
    const reason = redacted(describeError(error), put.record)
    if (this.#error === undefined && failures === 0) {
      logger.warn('cannot write a revocation to the store; retrying', { store: store.name, reason })
    }
    this.#error = reason
    const isUnanswered = error instanceof StoreError && error.code === 'ERR_STORE_UNREACHABLE'
    // A put that fails twice in a row may be the only one that this store does not answer.
    if (isUnanswered && put !== this.#lastUnanswered) {
      this.#lastUnanswered = put
      this.#queue.add(waiting)
      this.#queue.unreached()
      return
    }
    if (!isUnanswered) this.#reached()
    this.#putAside({ ...waiting, failures: failures + 1 }, !isUnanswered)
  }

  #reached(): void {
    this.#queue.reached()
    this.#lastUnanswered = undefined
  }

  /** Moves a failed put to the outbox of refused ones, and keeps it in memory if it fits, so that it holds back no other. */
  #putAside(waiting: Waiting, wasRefused: boolean): void {
    const { put, outbox, failures } = waiting
    const { refused } = this.#outboxes
    const isThere = outbox === refused && (refused?.hasUnread === false || refused?.isBroken === true)
    if (refused === undefined || isThere) return this.#queue.delay(waiting, wasRefused)
    const isHeld = !refused.hasUnread && this.#queue.delayed < MAX_DELAYED
    const { record, at } = put
    const moved = refused.append(record, at, isHeld)
    moved.kept.then(
      () => {
        this.#loose.delete(put)
        outbox?.done(put)
      },
      () => undefined, // the first copy stays
    )
    if (isHeld) this.#queue.delay({ put: moved, outbox: refused, failures, earlierCopy: waiting }, wasRefused)
  }

  #isOver({ record, at }: PendingPut): boolean {
    const { earliest, retained } = this.#bounds()
    if (record.expiresAt === undefined) return retained > at + this.#options.retention
    return earliest > record.expiresAt + LATEST_USE
  }

  #bounds(): Pick<TimeBounds, 'earliest' | 'retained'> {
    const now = this.#clock.now()
    return this.#options.bounds?.() ?? { earliest: now, retained: now }
  }
}

function rejected(): Promise<void> {
  const promise = Promise.reject(new Error('revocations wait for the store'))
  promise.catch(() => undefined)
  return promise
}

function tooLate(): StoreError {
  return new StoreError('ERR_STORE_UNREACHABLE', `the store did not answer within ${PUT_TIMEOUT} ms`)
}

/**
 * A record as a store can keep it. One that keeps no issuers gets the id of a token without its issuer: ids are hardly ever shared.
 * Names of users, sessions and clients are, and a rule without its issuer would revoke another's: it is not kept.
 *
 * @param onlyIssuer the only issuer whose tokens are accepted, if there is one: its names cannot be another's
 */
export function storable(
  store: PersistentStore,
  record: RevocationRecord,
  onlyIssuer?: string,
): RevocationRecord | undefined {
  if (store.takes?.(record) !== false) return record
  if (record.kind === 'issuer' || record.kind === 'claims') return undefined
  if (record.kind !== 'token' && typeof record.iss === 'string' && record.iss !== onlyIssuer) return undefined
  const { iss: _, ...anyIssuers } = record
  return store.takes(anyIssuers) ? anyIssuers : undefined
}
