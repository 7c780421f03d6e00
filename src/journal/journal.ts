import type { Logger } from '../logging/index.js'
import type { Entry, JSONValue, RevocationList } from '../revocation/index.js'
import { DAMAGE_NOTE, type Damage, noteOf, UnresolvedDamages } from './damage.js'
import { entryBlocks, type InSyncMark, markBlock, sourcesName } from './format.js'
import { Notes } from './notes.js'
import { type PendingPut, PendingPuts } from './pending.js'
import { WriteLoop } from './write-loop.js'
import { JournalWriter, type WritableJournal } from './writer.js'

/** How long entries wait for others to be written with them, ms. */
const BATCH_DELAY = 10
/** Beyond that many, waiting entries are dropped: the list has them, and a compaction writes them from there. */
const MAX_WAITING = 200_000
/** Milliseconds between a failed write and the next attempt. */
const RETRY_DELAY = 1_000
/** How long {@link Journal.close} waits for a compaction, ms. */
const CLOSE_PATIENCE = 2_000
const CLOSED = 'journal closed'

/** The journal's state, for people. */
export interface JournalStatus {
  readonly enabled: true
  readonly path: string
  readonly bytes: number
  /** Whether this process may write it; if not, `error` says why. */
  readonly owned: boolean
  /** Entries that are not on disk yet. */
  readonly waiting: number
  /** Why the last write failed, until one succeeds. */
  readonly error?: string
  /** What was lost, and has been neither listed since nor accepted. */
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
  readonly inSyncAt: number | undefined
  readonly damages?: readonly Damage[]
  /** Called once the journal has been closed: releases its lock. */
  readonly release: () => Promise<void>
}

/**
 * Keeps the list on disk: appends each change, in batches that are durable within 50 ms, and compacts the file, beside that,
 * when most of it has expired. A file system that fails is logged and tried again; the gateway continues. Until
 * {@link own} is called, nothing is written, and {@link flush} rejects.
 */
export class Journal {
  /** With any, the journal does not make the list known. */
  readonly damages: UnresolvedDamages
  readonly #path: string
  readonly #list: RevocationList
  readonly #pending: PendingPuts
  readonly #notes: Notes
  readonly #logger: Logger
  readonly #release: () => Promise<void>
  readonly #writer: JournalWriter
  readonly #loop: WriteLoop
  #waiting: Entry[] = []
  readonly #sourcesName: Buffer
  #mark: InSyncMark | undefined
  #isMarkWritten = true
  /** The last mark all of whose entries have been taken for writing. */
  #takenMark: InSyncMark | undefined
  #notOwned: string | undefined = 'not opened yet'
  #closing: Promise<void> | undefined
  #isClosed = false

  constructor(parts: JournalParts) {
    const { path, seed, list, pending, notes, logger, sources, inSyncAt, damages = [], release } = parts
    this.#path = path
    this.#list = list
    this.#pending = pending ?? new PendingPuts()
    this.#logger = logger
    this.#notes = new Notes(notes)
    this.#sourcesName = sourcesName(seed, sources)
    this.#mark = inSyncAt === undefined ? undefined : { at: inSyncAt, sources: this.#sourcesName }
    this.#takenMark = this.#mark
    this.damages = new UnresolvedDamages(damages)
    this.damages.onChange((open) => this.#noteDamages(open))
    this.#release = release
    this.#loop = new WriteLoop({
      write: () => this.#write(),
      written: () => {
        if (this.#hasWaiting()) this.#schedule(BATCH_DELAY)
      },
      logger,
      lines: { failed: 'journal write failed; retrying', recovered: 'journal writes recovered' },
      retryDelay: RETRY_DELAY,
    })
    this.#writer = new JournalWriter({
      path,
      seed,
      list,
      pending: this.#pending,
      notes: this.#notes,
      logger,
      mark: () => this.#takenMark,
      compacted: () => this.#schedule(0),
      failed: (error) => this.#loop.failed(error),
    })
  }

  /** Writes to this file from now on, beginning with what has waited; releases it if the journal is closed already. */
  async own(files: WritableJournal): Promise<void> {
    this.#writer.own(files)
    if (this.#isClosed) return this.#writer.close()
    this.#notOwned = undefined
    this.#schedule(0)
  }

  /** Says why it cannot be written yet, for people. */
  set notOwned(reason: string) {
    this.#notOwned = reason
  }

  /** Appends a change of the list. */
  append(entry: Entry): void {
    if (this.#isClosed) return
    if (this.#waiting.length >= MAX_WAITING) {
      this.#waiting = []
      this.#writer.markIncomplete()
    }
    this.#waiting.push(entry)
    this.#schedule(BATCH_DELAY)
  }

  /** Records that at `at` (epoch ms) the list held all that its sources knew. */
  inSync(at: number): void {
    if (this.#isClosed) return
    this.#mark = { at, sources: this.#sourcesName }
    this.#isMarkWritten = false
    this.#schedule(BATCH_DELAY)
  }

  /**
   * Keeps a value under a name, over restarts: {@link OpenedJournal.notes}. The last one of a name counts. It is written
   * after everything that was appended before it, and only to a file that holds all of that: a note of how far a source was
   * read never runs ahead of the entries. Throws a RangeError above 64 KiB, or beyond 64 names.
   */
  note(name: string, value: JSONValue): void {
    if (this.#isClosed) return
    this.#notes.set(name, value)
    this.#schedule(BATCH_DELAY)
  }

  /** The revocations that an older version kept here for a store. */
  get pendingPuts(): readonly PendingPut[] {
    return this.#pending.all
  }

  /** The store has it, or it is no longer needed. */
  putDone({ number }: PendingPut): void {
    if (this.#isClosed) return
    if (this.#pending.done(number)) this.#writer.markIncomplete()
    this.#schedule(BATCH_DELAY)
  }

  /** Resolves when all that was appended is durable; rejects if that fails now. */
  async flush(): Promise<void> {
    // What was appended after the close was dropped, and the file may belong to another process by now.
    if (this.#isClosed) throw new Error(CLOSED)
    await this.#loop.flush()
    const isLate = this.#isClosed && this.#waiting.length > 0
    const reason = this.#notOwned ?? this.#loop.error ?? (isLate ? CLOSED : undefined)
    if (reason !== undefined) throw new Error(`journal not writable: ${reason}`)
    if (this.#writer.isIncomplete) throw new Error('journal compaction pending: too many revocations arrived at once')
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  status(): JournalStatus {
    const error = this.#notOwned ?? this.#loop.error
    return {
      enabled: true,
      path: this.#path,
      bytes: this.#writer.bytes,
      owned: this.#notOwned === undefined,
      waiting: this.#waiting.length,
      ...(error === undefined ? {} : { error }),
      ...(this.damages.all.length === 0 ? {} : { damage: this.damages.all }),
    }
  }

  /** Writes what waits, and releases the file. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.flush().catch((error) => {
      // A mark or a note that is lost makes a source be read again, and loses no revocation.
      if (this.#waiting.length > 0 || this.#pending.hasUnwritten)
        this.#logger.error('journal closed with unwritten entries', error)
    })
    if (await this.#writer.awaitCompaction(CLOSE_PATIENCE)) await this.#loop.flush()
    if (!this.#writer.isBroken && this.#hasWaiting()) await this.#loop.flush() // what had to wait for the new file
    this.#isClosed = true
    await this.#loop.stop()
    await this.#writer.close()
    await this.#release()
  }

  #schedule(delay: number): void {
    if (this.#notOwned === undefined) this.#loop.schedule(delay)
  }

  #hasWaiting(): boolean {
    const hasNotes = this.#notes.isWaiting && !this.#writer.isIncomplete
    return this.#waiting.length > 0 || !this.#isMarkWritten || this.#pending.hasUnwritten || hasNotes
  }

  async #write(): Promise<void> {
    if (this.#notOwned !== undefined) return
    await this.#writer.recover()
    if (this.#hasWaiting()) {
      const entries = this.#waiting
      this.#waiting = []
      const facts = Buffer.concat([...entryBlocks(entries, this.#list.claimSets.all), ...this.#pending.takeUnwritten()])
      await this.#writer.append(facts, Buffer.concat(this.#takeMarks()))
    }
    await this.#writer.compactIfDue()
  }

  /** An incomplete file holds less than a mark or a note would say: notes wait for a complete one. */
  #takeMarks(): Buffer[] {
    const { isIncomplete } = this.#writer
    const mark = this.#isMarkWritten || isIncomplete ? undefined : this.#mark
    this.#isMarkWritten = true
    this.#takenMark = this.#mark
    return isIncomplete ? [] : [...(mark === undefined ? [] : [markBlock(mark)]), ...this.#notes.takeWaiting()]
  }

  #noteDamages(open: readonly Damage[]): void {
    // A new file names its damages from the start; that there are none, not before it holds what was listed.
    if (open.length > 0) this.#notes.assert(DAMAGE_NOTE, noteOf(open))
    this.note(DAMAGE_NOTE, noteOf(open))
  }
}
