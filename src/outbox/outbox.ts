import { WriteLoop } from '../journal/index.js'
import type { Logger } from '../logging/index.js'
import type { RevocationRecord } from '../revocation/index.js'
import type { OutboxDirectory } from './directory.js'
import type { Segment } from './segment.js'
import { StorePut } from './store-put.js'

/** A larger file takes no more: the next segment begins. About 20,000 tokens. */
const SEGMENT_BYTES = 4 << 20
/** The most revocations that are written and synced together. */
const BATCH = 1_000
/** The most revocations that may wait for the disk. */
const MAX_UNWRITTEN = 10_000
/** Milliseconds between a disk failure and the next attempt. */
const RETRY_DELAY = 1_000

/** An outbox's state, for people. */
export interface OutboxStatus {
  /** Damaged stretches found in its files. */
  readonly damages: number
  /** Why the last write or read failed, until one succeeds. */
  readonly error?: string
}

export interface OutboxOptions {
  readonly directory: OutboxDirectory
  /** Prefix of its files' names. */
  readonly name: string
  readonly logger: Logger
  /** Called when there is something to read back: from an earlier run, or because the caller did not hold it. */
  readonly readable: () => void
  /** Called with one that the caller does not hold and the disk does not take: from now on the caller holds it. */
  readonly unkept: (put: StorePut) => void
}

/**
 * A queue on disk of the revocations that a store has yet to take. What is appended is durable before that is confirmed, and
 * is read back in order: the disk bounds how many may wait, not memory. What is done is forgotten with its segment.
 */
export class Outbox {
  readonly #options: OutboxOptions
  /** Oldest first. */
  #segments: Segment[] = []
  #active: Segment | undefined
  #unwritten: StorePut[] = []
  /** How many of them the caller does not hold. */
  #unwrittenUnheld = 0
  #lastNumber = 0
  #lastSegment = 0
  #isOpen = false
  #isClosed = false
  #damages = 0
  readonly #loop: WriteLoop

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#loop = new WriteLoop({
      write: () => this.#write(),
      written: () => {
        if (this.#segments.some(({ unread }) => unread > 0)) options.readable()
      },
      logger: options.logger,
      lines: { failed: 'outbox I/O failed; retrying', recovered: 'outbox writes recovered' },
      retryDelay: RETRY_DELAY,
    })
  }

  /** How many are not done. */
  get size(): number {
    let size = 0
    for (const { isDone } of this.#unwritten) if (!isDone) size++
    for (const segment of this.#segments) size += segment.remaining
    return size
  }

  /** Whether some are on disk, or on their way there, that the caller does not hold. */
  get hasUnread(): boolean {
    return this.#unwrittenUnheld > 0 || this.#segments.some(({ unread }) => unread > 0)
  }

  get isBroken(): boolean {
    return this.#loop.error !== undefined
  }

  status(): OutboxStatus {
    let damages = this.#damages
    for (const segment of this.#segments) damages += segment.damages
    const { error } = this.#loop
    return error === undefined ? { damages } : { damages, error }
  }

  /** Starts to read what an earlier run left; retries until that succeeds. */
  open(): void {
    this.#loop.schedule(0)
  }

  /**
   * Appends one. While the disk fails this is retried, for a bounded number of them.
   *
   * @param isHeld whether the caller keeps it in memory, so that it need not be read back
   */
  append(record: RevocationRecord, at: number, isHeld: boolean): StorePut {
    const put = new StorePut({ number: ++this.#lastNumber, at, record }, isHeld)
    if (this.#isClosed || this.#unwritten.length >= MAX_UNWRITTEN) {
      put.settleKept(new Error(this.#isClosed ? 'outbox closed' : 'outbox full: too many revocations await the disk'))
      if (!isHeld) this.#unkept(put)
      return put
    }
    put.isInOutbox = true
    this.#unwritten.push(put)
    if (!isHeld) this.#unwrittenUnheld++
    this.#loop.schedule(0)
    return put
  }

  /** Reads up to `most` of those that the caller does not hold, oldest first. Never rejects: see {@link status}. */
  async read(most: number): Promise<StorePut[]> {
    const found: StorePut[] = []
    for (const segment of [...this.#segments]) {
      if (found.length >= most) break
      if (segment.unread === 0) continue
      try {
        found.push(...(await segment.read(most - found.length)))
      } catch (error) {
        this.#loop.failed(error)
      }
      this.#dropIfDone(segment)
    }
    return found
  }

  /** The store has it, or it is no longer needed. */
  done(put: StorePut): void {
    if (put.isDone) return
    put.isDone = true
    put.settleKept()
    put.segment?.done()
    if (put.segment !== undefined) this.#dropIfDone(put.segment)
  }

  /** Resolves when all that was appended is durable; rejects if that fails now. */
  async flush(): Promise<void> {
    await this.#loop.flush()
    if (this.#loop.error !== undefined) throw new Error(`outbox not writable: ${this.#loop.error}`)
  }

  /** Writes what it can, and closes its files. */
  async close(): Promise<void> {
    await this.flush().catch((error) => {
      if (this.#unwritten.every(({ isDone }) => isDone)) return
      this.#options.logger.error('outbox closed with unwritten revocations', error)
    })
    this.#isClosed = true
    await this.#loop.stop()
    for (const segment of this.#segments) {
      if (segment.remaining === 0) await segment.remove().catch(() => undefined)
      else await segment.seal()
    }
  }

  async #write(): Promise<void> {
    try {
      await this.#open()
      if (this.#active?.remaining === 0 && this.#active.bytes > 0) await this.#active.empty()
      while (this.#unwritten.length > 0) await this.#writeBatch(this.#unwritten.splice(0, BATCH))
    } catch (error) {
      this.#unwrittenUnheld = 0
      for (const put of this.#unwritten) this.#unkept(put, error)
      throw error
    }
  }

  async #writeBatch(taken: readonly StorePut[]): Promise<void> {
    const batch = taken.filter(({ isDone }) => !isDone)
    if (batch.length === 0) return
    try {
      const segment = await this.#growing()
      await segment.append(batch)
      for (const put of batch) {
        if (!put.isHeld) this.#unwrittenUnheld--
        if (put.isDone) segment.done()
        put.settleKept()
      }
      this.#dropIfDone(segment)
    } catch (error) {
      this.#unwritten.unshift(...batch)
      throw error
    }
  }

  async #open(): Promise<void> {
    if (this.#isOpen) return
    const { directory, name, logger } = this.#options
    await directory.claim()
    const { found, last, unreadable } = await directory.segments(name)
    this.#lastSegment = last
    this.#damages += unreadable.length
    for (const error of unreadable) logger.error('outbox file unreadable; left in place', error)
    this.#segments = found
    this.#isOpen = true
    for (const segment of found) this.#dropIfDone(segment)
    const waiting = this.size
    if (waiting > 0) logger.info('revocations of an earlier run await the store', { outbox: name, waiting })
  }

  /** The segment for the next batch. */
  async #growing(): Promise<Segment> {
    if (this.#active !== undefined && this.#active.bytes < SEGMENT_BYTES) return this.#active
    const full = this.#active
    this.#active = undefined
    await full?.seal()
    const { directory, name } = this.#options
    this.#active = await directory.create(name, ++this.#lastSegment)
    this.#segments.push(this.#active)
    return this.#active
  }

  /** Removes a segment all of which is done; the next write empties the active one instead. */
  #dropIfDone(segment: Segment): void {
    if (segment.remaining > 0) return
    if (segment === this.#active) return this.#loop.schedule(0)
    if (!this.#segments.includes(segment)) return
    this.#segments = this.#segments.filter((other) => other !== segment)
    this.#damages += segment.damages
    segment.remove().catch((error) => this.#loop.failed(error))
  }

  #unkept(put: StorePut, error: unknown = undefined): void {
    put.settleKept(new Error('revocation not durable', { cause: error }))
    if (put.isHeld || put.isDone) return
    put.isHeld = true
    this.#options.unkept(put)
  }
}
