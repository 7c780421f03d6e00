import type { Logger } from '../logging/index.js'
import type { RevocationList } from '../revocation/index.js'
import { Backoff } from '../time/index.js'
import { Compaction } from './compaction.js'
import type { InSyncMark } from './format.js'
import { fsyncDirectoryOf } from './fsync.js'
import type { JournalFile } from './journal-file.js'
import { type Extent, type LengthRecord, NO_GENERATION } from './length-record.js'
import type { Notes } from './notes.js'
import type { PendingPuts } from './pending.js'

/** Milliseconds between two compactions, while they fail: the first delay and the longest. */
const RETRY_FIRST = 1_000
const RETRY_LAST = 60_000
/** A smaller file is not worth compacting, bytes. */
const COMPACT_ABOVE = 4 << 20
/** Nor is one that is not this many times as large as what it would become. */
const COMPACT_FACTOR = 2

export interface WriterParts {
  readonly path: string
  readonly seed: Buffer
  readonly list: RevocationList
  readonly pending: PendingPuts
  readonly notes: Notes
  readonly logger: Logger
  /** The last mark all of whose entries have been taken for writing. */
  readonly mark: () => InSyncMark | undefined
  /** Called when a compaction waits to be put in place. */
  readonly compacted: () => void
  /** Called when a compaction failed without which the journal cannot be written. */
  readonly failed: (error: unknown) => void
}

/** A journal's files, opened for writing. */
export interface WritableJournal {
  /** `undefined`: there is none, or it cannot be read. */
  readonly file: JournalFile | undefined
  readonly record: LengthRecord
  /** What the length record says of the file in place, until it is replaced; `undefined`: there is none. */
  readonly inPlace: Extent | undefined
  /** Nothing may be appended to the file in place: a new one has to replace it first. */
  readonly mustReplace: boolean
}

/**
 * Writes a journal's file and its length record: appends and fsyncs, and compacts, which is to replace the file by a new one
 * from the list, when most of it has expired, its disk failed, or it is incomplete. One call at a time.
 */
export class JournalWriter {
  readonly #parts: WriterParts
  #file: JournalFile | undefined
  #record: LengthRecord | undefined
  #inPlace: Extent | undefined
  /** The length that the length record names. */
  #recorded = -1
  /** A new file was renamed into place, but neither the directory nor the length record is durable yet. */
  #isReplacing = false
  /** A batch that did not fit on the disk. */
  #retained: Buffer | undefined
  /** Why nothing can be appended: the disk failed, or is full. */
  #broken: unknown
  /** How often the file became incomplete, and how many of those times a compaction has mended. */
  #drops = 0
  #restored = 0
  #compaction: { readonly file: Compaction; readonly drops: number } | undefined
  #retryAt = 0
  readonly #backoff = new Backoff({ first: RETRY_FIRST, max: RETRY_LAST })
  #warned = false

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  own({ file, record, inPlace, mustReplace }: WritableJournal): void {
    this.#file = file
    this.#record = record
    this.#inPlace = inPlace
    this.#broken = mustReplace ? new Error('journal not compacted yet') : undefined
  }

  get bytes(): number {
    return this.#file?.bytes ?? 0
  }

  get isBroken(): boolean {
    return this.#broken !== undefined
  }

  /** Whether the list has entries that the file lacks. */
  get isIncomplete(): boolean {
    return this.#drops > this.#restored
  }

  /** Entries were dropped that only the list has: a compaction makes the file complete again. */
  markIncomplete(): void {
    this.#drops++
  }

  /** Makes the file ready for {@link append} again, after a failure. Throws why that is impossible now. */
  async recover(): Promise<void> {
    await this.#finishReplacing()
    if (this.#broken === undefined) return this.#recordLength()
    const isTooEarly = performance.now() < this.#retryAt
    if (this.#retained !== undefined) {
      try {
        return await this.#append(this.#retained) // the disk may have room again
      } catch (error) {
        if (isTooEarly) throw error
      }
    }
    if (isTooEarly) throw this.#broken
    this.#beginCompaction()
    await this.#replaceFile()
  }

  /**
   * Appends a batch. Resolves when it is durable.
   *
   * @param marks what is true only of a file that holds the facts, and all before them
   */
  async append(facts: Buffer, marks: Buffer): Promise<void> {
    this.#compaction?.file.add(facts)
    const names = this.#file?.sourcesBlock(this.#parts.list) ?? []
    await this.#append(Buffer.concat([...names, facts, marks]))
  }

  /** Begins a compaction where one is due; puts a finished one in place. */
  async compactIfDue(): Promise<void> {
    if (this.#compaction?.file.isWritten) await this.#replaceFile()
    else if (this.isIncomplete || this.#isWorthCompacting()) this.#beginCompaction()
  }

  /** Whether a compaction waits to be put in place, after `patience` ms at most. */
  async awaitCompaction(patience: number): Promise<boolean> {
    return !this.isBroken && (await this.#compaction?.file.isWrittenWithin(patience)) === true
  }

  async close(): Promise<void> {
    await this.#compaction?.file.abandon()
    await this.#file?.close()
    await this.#record?.close()
  }

  async #append(batch: Buffer): Promise<void> {
    const file = this.#file
    if (file === undefined) throw this.#broken
    this.#retained = batch
    try {
      await file.append(batch)
      this.#retained = undefined
      // After a failed sync nobody knows what is on disk: only a new file is certain.
      await file.sync()
      this.#broken = undefined
      this.#inPlace = file.extent
    } catch (error) {
      this.#broken = error
      throw error
    }
    await this.#recordLength()
  }

  /** Runs after the file's sync: a crash in between leaves a file that is longer than recorded, which is no damage. */
  async #recordLength(): Promise<void> {
    const current = this.#inPlace
    // An older version's file has no record; the file that replaces it has one.
    if (current === undefined || this.#record?.exists !== true || this.#recorded === current.length) return
    await this.#record.write({ seed: this.#parts.seed, current, next: undefined })
    this.#recorded = current.length
  }

  #isWorthCompacting(): boolean {
    const file = this.#file
    if (file === undefined) return false
    if (file.generation.equals(NO_GENERATION)) return true
    const bytes = file.bytes - file.unknownBytes
    return bytes > COMPACT_ABOVE && bytes > COMPACT_FACTOR * (this.#parts.list.exportedBytes + COMPACT_ABOVE / 4)
  }

  #beginCompaction(): void {
    if (this.#compaction !== undefined || performance.now() < this.#retryAt) return
    const { path, seed, list, pending, notes, compacted } = this.#parts
    const file = new Compaction({ path, seed, list, pending, notes, old: this.#file })
    this.#compaction = { file, drops: this.#drops }
    file.written.then(compacted, (error) => this.#abandon(file).then(() => this.#compactionFailed(error)))
  }

  #compactionFailed(error: unknown): void {
    if (this.isBroken || this.isIncomplete) return this.#parts.failed(error)
    if (!this.#warned) this.#parts.logger.warn('journal compaction failed; retrying', { reason: String(error) })
    this.#warned = true
  }

  /** Continues with the compacted file. */
  async #replaceFile(): Promise<void> {
    if (this.#compaction === undefined || this.#record === undefined) return
    const { file, drops } = this.#compaction
    const old = this.#file
    try {
      const mark = drops === this.#drops ? this.#parts.mark() : undefined
      this.#file = await file.finish({ mark, record: this.#record, inPlace: this.#inPlace })
    } catch (error) {
      await this.#abandon(file)
      throw error
    }
    this.#compaction = undefined
    this.#inPlace = this.#file.extent
    this.#isReplacing = true
    this.#restored = drops
    this.#backoff.reset()
    this.#retained = undefined
    this.#broken = undefined
    this.#warned = false
    await old?.close()
    await this.#finishReplacing()
  }

  async #finishReplacing(): Promise<void> {
    if (!this.#isReplacing) return
    await fsyncDirectoryOf(this.#parts.path)
    this.#recorded = -1
    await this.#recordLength()
    this.#isReplacing = false
  }

  async #abandon(file: Compaction): Promise<void> {
    if (this.#compaction?.file !== file) return
    this.#compaction = undefined
    this.#retryAt = performance.now() + this.#backoff.next()
    await file.abandon()
  }
}
