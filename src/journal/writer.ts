import type { Logger } from '../logging/index.js'
import type { RevocationList } from '../revocation/index.js'
import { Backoff } from '../time/index.js'
import type { InStepMark } from './blocks.js'
import type { JournalFile } from './journal-file.js'
import { type Extent, type LengthRecord, NO_GENERATION } from './length-record.js'
import type { Notes } from './notes.js'
import type { PendingPuts } from './pending.js'
import { Rewriting } from './rewriting.js'
import { syncDirectoryOf } from './sync-directory.js'

/** Milliseconds between two attempts to write anew, while they fail. */
const RETRY_FIRST = 1_000
const RETRY_LAST = 60_000
/** A file below this is not worth compacting, bytes. */
const COMPACT_ABOVE = 4 << 20
/** Nor is one that is not that much larger than what it would become. */
const COMPACT_FACTOR = 2

export interface WriterParts {
  readonly path: string
  readonly seed: Buffer
  readonly list: RevocationList
  readonly pending: PendingPuts
  readonly notes: Notes
  readonly logger: Logger
  /** The last mark all of whose entries have been taken for writing. */
  readonly mark: () => InStepMark | undefined
  /** Called when there is something to do beside what is appended. */
  readonly wake: () => void
  /** Called when what has to be written cannot be. */
  readonly failed: (error: unknown) => void
}

/** A journal that this process may write. */
export interface OwnedJournal {
  /** `undefined`: there is none, or none that can be read. */
  readonly file: JournalFile | undefined
  readonly record: LengthRecord
  /** What the length record has to say of what stands there, until something else does; `undefined`: nothing does. */
  readonly inPlace: Extent | undefined
  /** Nothing may be appended to what stands there: a new file has to take its place first. */
  readonly mustReplace: boolean
}

/**
 * Writes a journal's file and its length record: appends to it, and puts a new file in its place, made from the list,
 * when most of it has expired, its disk failed, or it lacks something. One call at a time.
 */
export class JournalWriter {
  readonly #parts: WriterParts
  #file: JournalFile | undefined
  #record: LengthRecord | undefined
  #inPlace: Extent | undefined
  /** How long the length record says that the file is. */
  #recorded = -1
  /** The directory may not have the file's name on disk yet, nor the length record that it alone is in place. */
  #unsettled = false
  /** A batch that the file had no room for. */
  #retained: Buffer | undefined
  /** The file can't be trusted to take what is appended: its disk failed, or is full. */
  #broken: unknown
  /** How often something was dropped that only the list has, and how many of those times the file has made good. */
  #drops = 0
  #restored = 0
  #rewriting: { readonly file: Rewriting; readonly drops: number } | undefined
  #retryAt = 0
  readonly #backoff = new Backoff({ first: RETRY_FIRST, max: RETRY_LAST })
  #warned = false

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  own({ file, record, inPlace, mustReplace }: OwnedJournal): void {
    this.#file = file
    this.#record = record
    this.#inPlace = inPlace
    this.#broken = mustReplace ? new Error('a new file has to be written first') : undefined
  }

  get isOwned(): boolean {
    return this.#record !== undefined
  }

  get bytes(): number {
    return this.#file?.bytes ?? 0
  }

  get isBroken(): boolean {
    return this.#broken !== undefined
  }

  /** Whether the file lacks what was dropped. */
  get isIncomplete(): boolean {
    return this.#drops > this.#restored
  }

  /** Something was dropped that the list has: the file is complete again when it has been rewritten. */
  dropped(): void {
    this.#drops++
  }

  /** The file's count of sources' names, which must stand before the entries that number them. */
  get file(): JournalFile | undefined {
    return this.#file
  }

  /** Brings the file into a state to be appended to. Throws if that can't be done now. */
  async mend(): Promise<void> {
    await this.#settle()
    if (this.#broken === undefined) return this.#recordLength()
    const isTooEarly = performance.now() < this.#retryAt
    if (this.#retained !== undefined) {
      try {
        return await this.#append(this.#retained) // room may have come
      } catch (error) {
        if (isTooEarly) throw error
      }
    }
    if (isTooEarly) throw this.#broken
    this.#beginRewriting()
    await this.#adopt()
  }

  /** @param marks what is true only of a file that holds the facts, and all before them */
  async append(facts: Buffer, marks: Buffer): Promise<void> {
    this.#rewriting?.file.add(facts)
    await this.#append(Buffer.concat([facts, marks]))
  }

  /** Begins a new file where one is due, and puts it in place when it is written. */
  async advance(): Promise<void> {
    if (this.#rewriting?.file.isWritten) await this.#adopt()
    else if (this.isIncomplete || this.#isWorthReplacing()) this.#beginRewriting()
  }

  /** Whether a new file is waiting to be put in place, after `patience` ms at most. */
  async isWrittenWithin(patience: number): Promise<boolean> {
    return !this.isBroken && (await this.#rewriting?.file.isWrittenWithin(patience)) === true
  }

  async close(): Promise<void> {
    await this.#rewriting?.file.abandon()
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
      // After a sync that failed nobody knows what of the file is on disk: only a new one is sure.
      await file.sync()
      this.#broken = undefined
      this.#inPlace = file.extent
    } catch (error) {
      this.#broken = error
      throw error
    }
    await this.#recordLength()
  }

  /** After what it speaks of: a crash between the two leaves a file that is longer than the record says. */
  async #recordLength(): Promise<void> {
    const current = this.#inPlace
    // A file of an older version has no record; the one that takes its place has.
    if (current === undefined || this.#record?.exists !== true || this.#recorded === current.length) return
    await this.#record.write({ seed: this.#parts.seed, current, next: undefined })
    this.#recorded = current.length
  }

  #isWorthReplacing(): boolean {
    const file = this.#file
    if (file === undefined) return false
    if (file.generation.equals(NO_GENERATION)) return true
    const { tokens, rules } = this.#parts.list.size
    const bytes = file.bytes - file.unknownBytes
    return bytes > COMPACT_ABOVE && bytes > COMPACT_FACTOR * (tokens * 16 + rules * 24 + COMPACT_ABOVE / 4)
  }

  #beginRewriting(): void {
    if (this.#rewriting !== undefined || performance.now() < this.#retryAt) return
    const { path, seed, list, pending, notes, wake } = this.#parts
    const file = new Rewriting({ path, seed, list, pending, notes, old: this.#file })
    this.#rewriting = { file, drops: this.#drops }
    file.written.then(wake, (error) => this.#abandon(file).then(() => this.#couldNotRewrite(error)))
  }

  #couldNotRewrite(error: unknown): void {
    if (this.isBroken || this.isIncomplete) return this.#parts.failed(error)
    if (!this.#warned) this.#parts.logger.warn('journal compaction failed; trying again', { reason: String(error) })
    this.#warned = true
  }

  /** Goes on with the new file. */
  async #adopt(): Promise<void> {
    if (this.#rewriting === undefined || this.#record === undefined) return
    const { file, drops } = this.#rewriting
    const old = this.#file
    try {
      const mark = drops === this.#drops ? this.#parts.mark() : undefined
      this.#file = await file.finish({ mark, record: this.#record, inPlace: this.#inPlace })
    } catch (error) {
      await this.#abandon(file)
      throw error
    }
    this.#rewriting = undefined
    this.#inPlace = this.#file.extent
    this.#unsettled = true
    this.#restored = drops
    this.#backoff.reset()
    this.#retained = undefined
    this.#broken = undefined
    this.#warned = false
    await old?.close()
    await this.#settle()
  }

  async #settle(): Promise<void> {
    if (!this.#unsettled) return
    await syncDirectoryOf(this.#parts.path)
    this.#recorded = -1
    await this.#recordLength()
    this.#unsettled = false
  }

  async #abandon(file: Rewriting): Promise<void> {
    if (this.#rewriting?.file !== file) return
    this.#rewriting = undefined
    this.#retryAt = performance.now() + this.#backoff.next()
    await file.abandon()
  }
}
