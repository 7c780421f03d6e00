import { describeError, type Logger } from '../logging/index.js'
import type { Entry, JSONValue, RevocationList } from '../revocation/index.js'
import { entryBlocks, type InStepMark, inStepBlocks, markName, sourceBlocks } from './blocks.js'
import { DAMAGE_NOTE, type Damage, noteOf } from './damage.js'
import { Notes } from './notes.js'
import { type PendingPut, PendingPuts } from './pending.js'
import { JournalWriter, type OwnedJournal } from './writer.js'

/** How long entries wait for others to be written with them, ms. */
const BATCH_DELAY = 10
/** Entries that wait beyond this are dropped: the list has them, and the file is written anew from it. */
const MAX_WAITING = 200_000
/** Milliseconds until what could not be written is tried again. */
const RETRY_DELAY = 1_000
/** How long {@link Journal.close} waits for a file that is being written anew, ms. */
const CLOSE_PATIENCE = 2_000
const CLOSED = 'the journal has been closed'

/** How the journal stands, for people. */
export interface JournalStatus {
  readonly enabled: true
  readonly path: string
  readonly bytes: number
  /** Whether this process may write it; if not, `error` says why. */
  readonly owned: boolean
  /** Entries that are not on disk yet. */
  readonly waiting: number
  /** Why the last attempt to write failed, while it does. */
  readonly error?: string
  /** What has been lost, and neither been listed since nor accepted. */
  readonly damage?: readonly Damage[]
}

export interface JournalParts {
  readonly path: string
  readonly seed: Buffer
  readonly list: RevocationList
  readonly pending?: PendingPuts
  readonly notes?: ReadonlyMap<string, JSONValue>
  readonly logger: Logger
  /** {@link OpenJournalOptions.sources} */
  readonly sources: string
  readonly inStepAt: number | undefined
  /** What it was read without. */
  readonly damages?: readonly Damage[]
  /** Called when it has been closed: gives up what it was opened with. */
  readonly release: () => Promise<void>
}

/**
 * Keeps the list on disk: appends each change, in batches that are on disk within 50 ms, and writes the file anew, beside
 * that, when most of it has expired. A file system that fails is reported and tried again; the gateway goes on. Until the
 * file is {@link own}ed, nothing is written, and {@link flush} rejects.
 */
export class Journal {
  readonly #path: string
  readonly #list: RevocationList
  readonly #pending: PendingPuts
  readonly #notes: Notes
  readonly #logger: Logger
  readonly #release: () => Promise<void>
  readonly #writer: JournalWriter
  #waiting: Entry[] = []
  /** What its marks call the sources that there are now. */
  readonly #markName: Buffer
  #mark: InStepMark | undefined
  #markWritten = true
  #markTaken: InStepMark | undefined
  #damages: readonly Damage[]
  readonly #accepted = new Set<string>()
  #isListed = false
  readonly #damageListeners = new Set<() => void>()
  #notOwned: string | undefined = 'it has not been opened yet'
  #error: string | undefined
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  constructor(parts: JournalParts) {
    const { path, seed, list, pending, notes, logger, sources, inStepAt, damages = [], release } = parts
    this.#path = path
    this.#list = list
    this.#pending = pending ?? new PendingPuts()
    this.#logger = logger
    this.#notes = new Notes(notes)
    this.#markName = markName(seed, sources)
    this.#mark = inStepAt === undefined ? undefined : { at: inStepAt, of: this.#markName }
    this.#markTaken = this.#mark
    this.#damages = damages
    this.#release = release
    this.#writer = new JournalWriter({
      path,
      seed,
      list,
      pending: this.#pending,
      notes: this.#notes,
      logger,
      mark: () => this.#markTaken,
      wake: () => this.#schedule(0),
      failed: (error) => this.#failed(error),
    })
  }

  /** Writes to this from now on, first of all what has waited. */
  own(owned: OwnedJournal): void {
    this.#notOwned = undefined
    this.#writer.own(owned)
    this.#schedule(0)
  }

  /** Says why it can't be owned yet, for people. */
  set notOwned(reason: string) {
    this.#notOwned = reason
  }

  /** Notes a change of the list. */
  append(entry: Entry): void {
    if (this.#closed) return
    if (this.#waiting.length >= MAX_WAITING) {
      this.#waiting = []
      this.#writer.dropped()
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

  /** What was lost from the journal and neither been listed since nor accepted: with any, it does not say what is revoked. */
  get damages(): readonly Damage[] {
    return this.#damages
  }

  /** Calls `listener` whenever {@link damages} have changed. */
  onDamage(listener: () => void): void {
    this.#damageListeners.add(listener)
  }

  /** A file was read, and lacks this. */
  lacks(damages: readonly Damage[]): void {
    const open = this.#isListed ? [] : damages.filter(({ id }) => id === undefined || !this.#accepted.has(id))
    if (JSON.stringify(open) === JSON.stringify(this.#damages)) return
    this.#damages = open
    // A new file says from the beginning what it lacks, but not before it holds what has been listed that it lacks nothing.
    if (open.length > 0) this.#notes.assert(DAMAGE_NOTE, noteOf(open))
    this.note(DAMAGE_NOTE, noteOf(open))
    for (const listener of this.#damageListeners) listener()
  }

  /** An operator accepts these losses, by their ids; those of other files go on to count. */
  accept(ids: readonly string[]): void {
    for (const id of ids) this.#accepted.add(id)
    this.lacks(this.#damages)
  }

  /** A store was listed: what was lost is known again. */
  listed(): void {
    this.#isListed = true
    this.lacks([])
  }

  /** The revocations that an older version kept here for a store. */
  get pendingPuts(): readonly PendingPut[] {
    return this.#pending.all
  }

  /** The store has it, or nobody needs it any more. */
  putDone({ number }: PendingPut): void {
    if (this.#closed) return
    if (this.#pending.done(number)) this.#writer.dropped()
    this.#schedule(BATCH_DELAY)
  }

  /** Resolves when all that was appended is on disk; rejects if it cannot be brought there now. */
  async flush(): Promise<void> {
    // What came later was not taken, and nothing may be written any more to what may be another process's by now.
    if (this.#closed) throw new Error(CLOSED)
    await this.#writing
    await this.#write()
    const why = this.#notOwned ?? this.#error ?? (this.#closed && this.#waiting.length > 0 ? CLOSED : undefined)
    if (why !== undefined) throw new Error(`the journal cannot be written: ${why}`)
    if (this.#writer.isIncomplete) {
      throw new Error('the journal is being written anew: more came at once than waits for it')
    }
  }

  get isClosed(): boolean {
    return this.#closed
  }

  status(): JournalStatus {
    const error = this.#notOwned ?? this.#error
    return {
      enabled: true,
      path: this.#path,
      bytes: this.#writer.bytes,
      owned: this.#notOwned === undefined,
      waiting: this.#waiting.length,
      ...(error === undefined ? {} : { error }),
      ...(this.#damages.length === 0 ? {} : { damage: this.#damages }),
    }
  }

  /** Writes what waits, and gives the file up. */
  async close(): Promise<void> {
    await this.flush().catch((error) => {
      if (this.#hasWaiting()) this.#logger.error('journal closed with unwritten entries', error)
    })
    if (await this.#writer.isWrittenWithin(CLOSE_PATIENCE)) await this.#write()
    if (!this.#writer.isBroken && this.#hasWaiting()) await this.#write() // what had to wait for the new file
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#writing
    await this.#writer.close()
    await this.#release()
  }

  #schedule(delay: number): void {
    if (this.#timer !== undefined || this.#closed || this.#notOwned !== undefined) return
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
    const hasNotes = this.#notes.isWaiting && !this.#writer.isIncomplete
    return this.#waiting.length > 0 || !this.#markWritten || this.#pending.hasUnwritten || hasNotes
  }

  async #writeAll(): Promise<void> {
    if (this.#notOwned !== undefined || this.#closed) return
    try {
      await this.#writer.mend()
      if (this.#hasWaiting()) await this.#writeBatch()
      await this.#writer.advance()
      if (this.#error !== undefined) this.#logger.info('journal writes recovered')
      this.#error = undefined
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (this.#error === undefined) this.#logger.error('the journal cannot be written; trying again', error)
    this.#error = describeError(error)
    this.#schedule(RETRY_DELAY)
  }

  #writeBatch(): Promise<void> {
    const file = this.#writer.file
    if (file === undefined) throw new TypeError('a journal is mended before it is appended to')
    const entries = this.#waiting
    this.#waiting = []
    const puts = this.#pending.takeUnwritten()
    const facts = Buffer.concat([...sourceBlocks(this.#list.sources, file), ...entryBlocks(entries), ...puts])
    return this.#writer.append(facts, Buffer.concat(this.#takeMarks()))
  }

  /** A file that lacks what was dropped holds less than a mark or a note would say: notes wait for a whole one. */
  #takeMarks(): Buffer[] {
    const { isIncomplete } = this.#writer
    const marks = this.#markWritten || isIncomplete ? [] : inStepBlocks(this.#mark)
    this.#markWritten = true
    this.#markTaken = this.#mark
    return isIncomplete ? marks : [...marks, ...this.#notes.takeWaiting()]
  }
}
