import type { FileHandle } from 'node:fs/promises'
import { describeError, type Logger } from '../../logging/index.js'
import type { Entry, RevocationList } from '../list/index.js'
import { entryBlocks, type InStepMark, inStepBlocks, markName, sourceBlocks } from './blocks.js'
import { JournalFile } from './journal-file.js'
import { type JSONValue, Notes } from './notes.js'
import { type PendingPut, PendingPuts } from './pending.js'
import type { ByteRange } from './read.js'
import { Rewriting } from './rewriting.js'

/** How long entries wait for others to be written with them, ms. */
const BATCH_DELAY = 10
/** Entries that wait beyond this are dropped: the list has them, and the file is written anew from it. */
const MAX_WAITING = 200_000
/** Milliseconds between two attempts to write anew, while they fail. */
const RETRY_FIRST = 1_000
const RETRY_LAST = 60_000
/** A file below this is not worth compacting, bytes. */
const COMPACT_ABOVE = 4 << 20
/** Nor is one that is not that much larger than what it would become. */
const COMPACT_FACTOR = 2
/** How long {@link Journal.close} waits for a file that is being written anew, ms. */
const CLOSE_PATIENCE = 2_000

/** How the journal stands, for people. */
export interface JournalStatus {
  readonly enabled: true
  readonly path: string
  readonly bytes: number
  /** Entries that are not on disk yet. */
  readonly waiting: number
  /** Why the last attempt to write failed, while it does. */
  readonly error?: string
}

/**
 * Keeps the list on disk: appends each change, in batches that are on disk within 50 ms, and writes the file anew, beside
 * that, when most of it has expired. A file system that fails is reported and tried again; the gateway goes on.
 */
export class Journal {
  readonly #path: string
  readonly #seed: Buffer
  readonly #list: RevocationList
  readonly #pending: PendingPuts
  readonly #notes: Notes
  readonly #logger: Logger
  readonly #release: () => Promise<void>
  #file: JournalFile
  #waiting: Entry[] = []
  /** What its marks call the sources that there are now. */
  readonly #markName: Buffer
  #mark: InStepMark | undefined
  #markWritten = true
  /** The last one all of whose entries have been taken for writing. */
  #markTaken: InStepMark | undefined
  /** A batch that the file had no room for. */
  #retained: Buffer | undefined
  /** The file can't be trusted to take what is appended: its disk failed, or is full. */
  #broken = false
  /** How often something was dropped that only the list has, and how many of those times the file has made good. */
  #drops = 0
  #restored = 0
  #rewriting: { readonly file: Rewriting; readonly drops: number } | undefined
  #retryAt = 0
  #retryDelay = RETRY_FIRST
  #error: string | undefined
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  constructor(parts: {
    path: string
    seed: Buffer
    list: RevocationList
    pending?: PendingPuts
    notes?: ReadonlyMap<string, JSONValue>
    /** Where blocks of a newer version's kinds stand. */
    unknown?: ByteRange | undefined
    logger: Logger
    file: FileHandle
    bytes: number
    /** {@link OpenJournalOptions.sources} */
    sources: string
    inStepAt: number | undefined
    release: () => Promise<void>
  }) {
    this.#path = parts.path
    this.#seed = parts.seed
    this.#list = parts.list
    this.#pending = parts.pending ?? new PendingPuts()
    this.#logger = parts.logger
    this.#notes = new Notes(parts.notes)
    this.#file = new JournalFile(parts.file, parts.bytes)
    this.#file.unknown = parts.unknown
    this.#markName = markName(parts.seed, parts.sources)
    this.#mark = parts.inStepAt === undefined ? undefined : { at: parts.inStepAt, of: this.#markName }
    this.#markTaken = this.#mark
    this.#release = parts.release
  }

  /** Notes a change of the list. */
  append(entry: Entry): void {
    if (this.#closed) return
    if (this.#waiting.length >= MAX_WAITING) {
      this.#waiting = []
      this.#drops++
    }
    this.#waiting.push(entry)
    this.#schedule(BATCH_DELAY)
  }

  /** Notes that the list held, at `at` (epoch ms), all that its sources knew. */
  inStep(at: number): void {
    if (this.#closed) return
    this.#mark = { at, of: this.#markName }
    this.#markWritten = false
    this.#schedule(BATCH_DELAY)
  }

  /**
   * Keeps a value under a name, over restarts: {@link OpenedJournal.notes}. The last one of a name counts. It is written
   * after everything that was appended before it, and only to a file that holds all of that: whoever notes how far it has
   * read something reads on from there. Throws a RangeError above 64 KiB, or beyond 64 names.
   */
  note(name: string, value: JSONValue): void {
    if (this.#closed) return
    this.#notes.set(name, value)
    this.#schedule(BATCH_DELAY)
  }

  /** The revocations that an older version kept here for a store. */
  get pendingPuts(): readonly PendingPut[] {
    return this.#pending.all
  }

  /** The store has it, or nobody needs it any more. */
  putDone({ number }: PendingPut): void {
    if (this.#closed) return
    if (this.#pending.done(number)) this.#drops++
    this.#schedule(BATCH_DELAY)
  }

  /** Resolves when all that was appended is on disk; rejects if it cannot be brought there now. */
  async flush(): Promise<void> {
    await this.#writing
    await this.#write()
    if (this.#error !== undefined) throw new Error(`the journal cannot be written: ${this.#error}`)
    if (this.#isIncomplete) throw new Error('the journal is being written anew: more came at once than waits for it')
  }

  status(): JournalStatus {
    const { bytes } = this.#file
    const status = { enabled: true as const, path: this.#path, bytes, waiting: this.#waiting.length }
    return this.#error === undefined ? status : { ...status, error: this.#error }
  }

  /** Writes what waits, and gives the file up. */
  async close(): Promise<void> {
    await this.flush().catch((error) => this.#logger.error('the journal was closed with entries unwritten', error))
    if (!this.#broken && (await this.#rewriting?.file.isWrittenWithin(CLOSE_PATIENCE))) await this.#write()
    if (!this.#broken && this.#hasWaiting()) await this.#write() // what had to wait for the new file
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#rewriting?.file.abandon()
    await this.#file.close()
    await this.#release()
  }

  #schedule(delay: number): void {
    if (this.#timer !== undefined || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#write()
    }, delay)
    this.#timer.unref()
  }

  /** One write at a time; what comes meanwhile makes the next. Never rejects. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
      if (this.#error === undefined && this.#hasWaiting()) this.#schedule(BATCH_DELAY)
    })
    return this.#writing
  }

  #hasWaiting(): boolean {
    const hasNotes = this.#notes.isWaiting && !this.#isIncomplete
    return this.#waiting.length > 0 || !this.#markWritten || this.#pending.hasUnwritten || hasNotes
  }

  async #writeAll(): Promise<void> {
    try {
      if (this.#broken) await this.#mend()
      await this.#appendWaiting()
      if (this.#rewriting?.file.isWritten) await this.#adopt()
      else if (this.#isIncomplete || this.#isWorthCompacting()) this.#beginRewriting()
      if (this.#error !== undefined) this.#logger.info('the journal is written again')
      this.#error = undefined
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (this.#error === undefined) this.#logger.error('the journal cannot be written; trying again', error)
    this.#error = describeError(error)
    this.#schedule(RETRY_FIRST)
  }

  async #appendWaiting(): Promise<void> {
    if (this.#hasWaiting()) await this.#appendBatch(this.#takeBatch())
  }

  #takeBatch(): Buffer {
    const entries = this.#waiting
    this.#waiting = []
    const puts = this.#pending.takeUnwritten()
    const facts = Buffer.concat([...sourceBlocks(this.#list.sources, this.#file), ...entryBlocks(entries), ...puts])
    this.#rewriting?.file.add(facts)
    // A file that lacks what was dropped holds less than a mark or a note would say.
    const marks = this.#markWritten || this.#isIncomplete ? [] : inStepBlocks(this.#mark)
    const notes = this.#isIncomplete ? [] : this.#notes.takeWaiting()
    this.#markWritten = true
    this.#markTaken = this.#mark
    return Buffer.concat([facts, ...marks, ...notes])
  }

  async #appendBatch(batch: Buffer): Promise<void> {
    this.#retained = batch
    try {
      await this.#file.append(batch)
      this.#retained = undefined
      // After a sync that failed nobody knows what of the file is on disk: only a new one is sure.
      await this.#file.sync()
      this.#broken = false
    } catch (error) {
      this.#broken = true
      throw error
    }
  }

  /** Room may have come for what the file could not take; else, or if its disk failed, a new file is written. */
  async #mend(): Promise<void> {
    const isTooEarly = performance.now() < this.#retryAt
    try {
      if (this.#retained === undefined) throw new Error(this.#error)
      await this.#appendBatch(this.#retained)
    } catch (error) {
      if (isTooEarly) throw error
      this.#beginRewriting()
      await this.#adopt()
    }
  }

  get #isIncomplete(): boolean {
    return this.#drops > this.#restored
  }

  #isWorthCompacting(): boolean {
    const { tokens, rules } = this.#list.size
    const bytes = this.#file.bytes - this.#file.unknownBytes
    return bytes > COMPACT_ABOVE && bytes > COMPACT_FACTOR * (tokens * 16 + rules * 24 + COMPACT_ABOVE / 4)
  }

  #beginRewriting(): void {
    if (this.#rewriting !== undefined || performance.now() < this.#retryAt) return
    const file = new Rewriting({
      path: this.#path,
      seed: this.#seed,
      list: this.#list,
      pending: this.#pending,
      notes: this.#notes,
      old: this.#file,
    })
    this.#rewriting = { file, drops: this.#drops }
    file.written.then(
      () => this.#schedule(0),
      (error) => this.#abandon(file).then(() => this.#failed(error)),
    )
  }

  /** Goes on with the new file. */
  async #adopt(): Promise<void> {
    if (this.#rewriting === undefined) return
    const { file, drops } = this.#rewriting
    const old = this.#file
    try {
      this.#file = await file.finish(drops === this.#drops ? this.#markTaken : undefined)
    } catch (error) {
      if (file.isInPlace) this.#broken = true
      await this.#abandon(file)
      throw error
    }
    this.#rewriting = undefined
    this.#restored = drops
    this.#retryDelay = RETRY_FIRST
    this.#retained = undefined
    this.#broken = false
    await old.close()
  }

  async #abandon(file: Rewriting): Promise<void> {
    if (this.#rewriting?.file !== file) return
    this.#rewriting = undefined
    this.#retryAt = performance.now() + this.#retryDelay
    this.#retryDelay = Math.min(2 * this.#retryDelay, RETRY_LAST)
    await file.abandon()
  }
}
