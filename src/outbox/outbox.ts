import { describeError, type Logger } from '../logging/index.js'
import type { RevocationRecord } from '../revocation/index.js'
import type { OutboxDirectory } from './directory.js'
import type { Segment } from './segment.js'
import { Unsent } from './unsent.js'

/** A file of this size gets no more: the next one begins, and the older ones go when they are done. About 20,000 tokens. */
const SEGMENT_BYTES = 4 << 20
/** Revocations that are written, and synced, together at most. */
const BATCH = 1_000
/** Those that wait for the disk beyond this are not kept. */
const MAX_UNWRITTEN = 10_000
/** Milliseconds until a disk that failed is tried again. */
const RETRY_DELAY = 1_000

/** How an outbox stands, for people. */
export interface OutboxStatus {
  /** Stretches of its files that could not be read. */
  readonly damages: number
  /** Why it can't be written, or read, while that is so. */
  readonly error?: string
}

export interface OutboxOptions {
  readonly directory: OutboxDirectory
  /** Of its files. */
  readonly name: string
  readonly logger: Logger
  /** There is something to read back: after the start, or because the caller did not hold it. */
  readonly readable: () => void
  /** One that the caller does not hold can't be kept at the moment: from now on the caller holds it. */
  readonly unkept: (unsent: Unsent) => void
}

/**
 * A queue on disk of revocations that a store is still to be told of: what is appended is synced before that is said, and
 * read back in order, so that what waits is bounded by the disk and not by memory. What is done is forgotten with its file.
 */
export class Outbox {
  readonly #options: OutboxOptions
  /** Oldest first. */
  #segments: Segment[] = []
  #active: Segment | undefined
  #unwritten: Unsent[] = []
  /** How many of them nobody has in memory. */
  #unwrittenUnheld = 0
  #lastNumber = 0
  #lastSegment = 0
  #opened = false
  #writing: Promise<void> | undefined
  #scheduled: NodeJS.Immediate | undefined
  #retry: NodeJS.Timeout | undefined
  #error: string | undefined
  #damages = 0
  #closed = false

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Those that are not done. */
  get size(): number {
    let size = 0
    for (const { isDone } of this.#unwritten) if (!isDone) size++
    for (const segment of this.#segments) size += segment.remaining
    return size
  }

  /** Whether some are on disk, or on their way there, that nobody has in memory. */
  get hasUnread(): boolean {
    return this.#unwrittenUnheld > 0 || this.#segments.some(({ unread }) => unread > 0)
  }

  get isBroken(): boolean {
    return this.#error !== undefined
  }

  status(): OutboxStatus {
    let damages = this.#damages
    for (const segment of this.#segments) damages += segment.damages
    return this.#error === undefined ? { damages } : { damages, error: this.#error }
  }

  /** Begins to look for what an earlier run left; again and again, while it can't be read. */
  open(): void {
    this.#schedule()
  }

  /**
   * Appends one. While the disk fails it is tried again and again, up to a bounded number.
   *
   * @param isHeld whether the caller keeps it in memory, so that it need not be read back
   */
  append(record: RevocationRecord, at: number, isHeld: boolean): Unsent {
    const unsent = new Unsent({ number: ++this.#lastNumber, at, record }, isHeld)
    if (this.#closed || this.#unwritten.length >= MAX_UNWRITTEN) {
      unsent.keptBecomes(new Error('too many revocations wait for the disk'))
      if (!isHeld) this.#unkept(unsent)
      return unsent
    }
    unsent.isInOutbox = true
    this.#unwritten.push(unsent)
    if (!isHeld) this.#unwrittenUnheld++
    this.#schedule()
    return unsent
  }

  /** Up to `most` of those that nobody has in memory, oldest first. Fewer: those that follow are on their way to the disk. */
  async read(most: number): Promise<Unsent[]> {
    const found: Unsent[] = []
    for (const segment of [...this.#segments]) {
      if (found.length >= most) break
      if (segment.unread === 0) continue
      try {
        found.push(...(await segment.read(most - found.length)))
      } catch (error) {
        this.#failed(error)
      }
      this.#dropIfDone(segment)
    }
    return found
  }

  /** The store has it, or nobody needs it any more. */
  done(unsent: Unsent): void {
    if (unsent.isDone) return
    unsent.isDone = true
    unsent.keptBecomes()
    unsent.segment?.done()
    if (unsent.segment !== undefined) this.#dropIfDone(unsent.segment)
  }

  /** Resolves when all that was appended is on disk; rejects if it can't be brought there now. */
  async flush(): Promise<void> {
    await this.#writing
    await this.#write()
    if (this.#error !== undefined) throw new Error(`the outbox cannot be written: ${this.#error}`)
  }

  /** Writes what it can. */
  async close(): Promise<void> {
    await this.flush().catch((error) => this.#options.logger.error('outbox closed with unwritten revocations', error))
    this.#closed = true
    clearTimeout(this.#retry)
    clearImmediate(this.#scheduled)
    await this.#writing
    for (const segment of this.#segments) {
      if (segment.remaining === 0) await segment.remove().catch(() => undefined)
      else await segment.seal()
    }
  }

  #schedule(): void {
    if (this.#scheduled !== undefined || this.#retry !== undefined || this.#closed) return
    this.#scheduled = setImmediate(() => {
      this.#scheduled = undefined
      void this.#write()
    })
  }

  /** One write at a time; what comes meanwhile makes the next. Never rejects. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeBatches().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #writeBatches(): Promise<void> {
    try {
      await this.#open()
      if (this.#active?.remaining === 0 && this.#active.bytes > 0) await this.#active.empty()
      while (this.#unwritten.length > 0) await this.#writeBatch(this.#unwritten.splice(0, BATCH))
      if (this.#error !== undefined) this.#options.logger.info('outbox writes recovered')
      this.#error = undefined
      if (this.#segments.some(({ unread }) => unread > 0)) this.#options.readable()
    } catch (error) {
      this.#failed(error)
      this.#unwrittenUnheld = 0
      for (const unsent of this.#unwritten) this.#unkept(unsent, error)
    }
  }

  async #writeBatch(taken: readonly Unsent[]): Promise<void> {
    const batch = taken.filter(({ isDone }) => !isDone)
    if (batch.length === 0) return
    try {
      const segment = await this.#growing()
      await segment.append(batch)
      for (const unsent of batch) {
        if (!unsent.isHeld) this.#unwrittenUnheld--
        if (unsent.isDone) segment.done()
        unsent.keptBecomes()
      }
      this.#dropIfDone(segment)
    } catch (error) {
      this.#unwritten.unshift(...batch)
      throw error
    }
  }

  async #open(): Promise<void> {
    if (this.#opened) return
    const { directory, name, logger } = this.#options
    await directory.claim()
    const { found, last, unreadable } = await directory.segments(name)
    this.#lastSegment = last
    this.#damages += unreadable.length
    for (const error of unreadable) logger.error('an outbox file cannot be read and is left as it is', error)
    this.#segments = found
    this.#opened = true
    for (const segment of found) this.#dropIfDone(segment)
    if (this.size > 0)
      logger.info('revocations of an earlier run wait for the store', { outbox: name, waiting: this.size })
  }

  /** The segment that takes the next batch. */
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

  /** The active one is emptied instead, by the next write. */
  #dropIfDone(segment: Segment): void {
    if (segment.remaining > 0) return
    if (segment === this.#active) return this.#schedule()
    if (!this.#segments.includes(segment)) return
    this.#segments = this.#segments.filter((other) => other !== segment)
    this.#damages += segment.damages
    segment.remove().catch((error) => this.#failed(error))
  }

  #unkept(unsent: Unsent, error: unknown = undefined): void {
    unsent.keptBecomes(new Error('the revocation is not on disk', { cause: error }))
    if (unsent.isHeld || unsent.isDone) return
    unsent.isHeld = true
    this.#options.unkept(unsent)
  }

  #failed(error: unknown): void {
    if (this.#error === undefined) this.#options.logger.error('outbox cannot be used; trying again', error)
    this.#error = describeError(error)
    if (this.#retry !== undefined || this.#closed) return
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      void this.#write()
    }, RETRY_DELAY)
    this.#retry.unref()
  }
}
