import type { FileHandle } from 'node:fs/promises'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describeError, type Logger } from '../../logging/index.js'
import { type Entry, type EntryBlock, encodeEntries, type RevocationList } from '../list/index.js'
import type { RevocationRecord } from '../record.js'
import { encodeBlock, encodeHeader } from './format.js'
import { type PendingPut, PendingPuts } from './pending.js'

/** How long entries wait for others to be written with them, ms. */
const BATCH_DELAY = 10
/** Entries that wait beyond this are dropped: the list has them, and the file is written anew from it. */
const MAX_WAITING = 200_000
const RETRY_DELAY = 1_000
/** A file below this is not worth compacting, bytes. */
const COMPACT_ABOVE = 4 << 20
/** Nor is one that is not that much larger than what it would become. */
const COMPACT_FACTOR = 2

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
 * Keeps the list on disk: appends each change, in batches that are on disk within 50 ms, and writes the file anew when
 * most of it has expired. A file system that fails is reported and tried again; the gateway goes on.
 */
export class Journal {
  readonly #path: string
  readonly #seed: Buffer
  readonly #list: RevocationList
  readonly #pending: PendingPuts
  readonly #logger: Logger
  readonly #release: () => Promise<void>
  #file: FileHandle
  #bytes: number
  #waiting: Entry[] = []
  #inStepAt: number | undefined
  #inStepWritten = true
  #sources = 0
  #error: string | undefined
  #rewrite = false
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  constructor(parts: {
    path: string
    seed: Buffer
    list: RevocationList
    pending?: PendingPuts
    logger: Logger
    file: FileHandle
    bytes: number
    inStepAt: number | undefined
    release: () => Promise<void>
  }) {
    this.#path = parts.path
    this.#seed = parts.seed
    this.#list = parts.list
    this.#pending = parts.pending ?? new PendingPuts()
    this.#logger = parts.logger
    this.#file = parts.file
    this.#bytes = parts.bytes
    this.#inStepAt = parts.inStepAt
    this.#release = parts.release
  }

  /** Notes a change of the list. */
  append(entry: Entry): void {
    if (this.#closed) return
    if (this.#waiting.length >= MAX_WAITING) {
      this.#waiting = []
      this.#rewrite = true
    }
    this.#waiting.push(entry)
    this.#schedule(BATCH_DELAY)
  }

  /** Notes that the list held, at `at` (epoch ms), all that its sources knew. */
  inStep(at: number): void {
    if (this.#closed) return
    this.#inStepAt = at
    this.#inStepWritten = false
    this.#schedule(BATCH_DELAY)
  }

  /** The revocations that a store is still to be told of: those of an earlier run, too. */
  get pendingPuts(): readonly PendingPut[] {
    return this.#pending.all
  }

  /** Keeps a revocation until {@link putDone}; `undefined` if too many are kept already. */
  addPending(record: RevocationRecord, at: number): PendingPut | undefined {
    if (this.#closed) return undefined
    const put = this.#pending.add(record, at)
    this.#schedule(BATCH_DELAY)
    return put
  }

  /** The store has it, or nobody needs it any more. */
  putDone({ number }: PendingPut): void {
    if (this.#closed) return
    if (this.#pending.done(number)) this.#rewrite = true
    this.#schedule(BATCH_DELAY)
  }

  /** Resolves when all that was appended is on disk; rejects if it cannot be brought there now. */
  async flush(): Promise<void> {
    await this.#writing
    await this.#write()
    if (this.#error !== undefined) throw new Error(`the journal cannot be written: ${this.#error}`)
  }

  status(): JournalStatus {
    const status = { enabled: true as const, path: this.#path, bytes: this.#bytes, waiting: this.#waiting.length }
    return this.#error === undefined ? status : { ...status, error: this.#error }
  }

  /** Writes what waits, and gives the file up. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.flush().catch((error) => this.#logger.error('the journal was closed with entries unwritten', error))
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#file.close().catch(() => undefined)
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
      if (this.#hasWaiting()) this.#schedule(BATCH_DELAY)
    })
    return this.#writing
  }

  #hasWaiting(): boolean {
    return this.#waiting.length > 0 || !this.#inStepWritten || this.#pending.hasUnwritten
  }

  async #writeAll(): Promise<void> {
    try {
      if (this.#rewrite || this.#isWorthCompacting()) await this.#compact()
      await this.#appendWaiting()
      if (this.#error !== undefined) this.#logger.info('the journal is written again')
      this.#error = undefined
    } catch (error) {
      // What was cut off in the middle would hide what follows: only a whole new file is sure.
      this.#rewrite = true
      if (this.#error === undefined) this.#logger.error('the journal cannot be written; trying again', error)
      this.#error = describeError(error)
      this.#schedule(RETRY_DELAY)
    }
  }

  async #appendWaiting(): Promise<void> {
    if (!this.#hasWaiting()) return
    const entries = this.#waiting
    this.#waiting = []
    this.#inStepWritten = true
    const puts = this.#pending.takeUnwritten()
    await this.#put(Buffer.concat([...this.#sourceBlock(), ...entryBlocks(entries), ...puts, ...this.#inStepBlock()]))
    await this.#file.datasync()
  }

  async #put(bytes: Buffer): Promise<void> {
    let written = 0
    while (written < bytes.length) {
      written += (await this.#file.write(bytes, written, bytes.length - written, this.#bytes + written)).bytesWritten
    }
    this.#bytes += bytes.length
  }

  /** The sources' names, when there are more than the file has. */
  #sourceBlock(): Buffer[] {
    const { all } = this.#list.sources
    if (all.length === this.#sources) return []
    this.#sources = all.length
    return [encodeBlock('sources', Buffer.from(JSON.stringify(all)))]
  }

  #inStepBlock(): Buffer[] {
    if (this.#inStepAt === undefined) return []
    const payload = Buffer.alloc(8)
    payload.writeDoubleLE(this.#inStepAt)
    return [encodeBlock('inStep', payload)]
  }

  #isWorthCompacting(): boolean {
    const { tokens, rules } = this.#list.size
    return this.#bytes > COMPACT_ABOVE && this.#bytes > COMPACT_FACTOR * (tokens * 16 + rules * 24 + COMPACT_ABOVE / 4)
  }

  /** Writes the list to a new file, in slices, and puts that in the old one's place. Entries go on waiting meanwhile. */
  async #compact(): Promise<void> {
    const next = `${this.#path}.new`
    const old = { file: this.#file, bytes: this.#bytes, sources: this.#sources }
    const file = await open(next, 'w', 0o600)
    this.#rewrite = false // what cannot be kept waiting from here on asks for it again
    try {
      this.#file = file
      this.#bytes = 0
      this.#sources = 0
      await this.#put(Buffer.concat([encodeHeader(this.#seed), ...this.#sourceBlock(), ...this.#inStepBlock()]))
      for (const block of this.#list.export()) {
        if (block.bytes.length > 0) await this.#put(encodeBlock(block.kind, block.bytes))
        await setImmediate()
      }
      await this.#put(Buffer.concat(this.#pending.export()))
      await file.sync()
      await rename(next, this.#path)
      await syncDirectory(dirname(this.#path))
    } catch (error) {
      this.#file = old.file
      this.#bytes = old.bytes
      this.#sources = old.sources
      await file.close().catch(() => undefined)
      throw error
    }
    await old.file.close().catch(() => undefined)
  }
}

const ENTRIES_A_BLOCK = 4_096

function entryBlocks(entries: readonly Entry[]): Buffer[] {
  return (['token', 'rule'] as const).flatMap((kind) => {
    const ofKind = entries.filter((entry) => entry.kind === kind)
    const blocks: EntryBlock[] = []
    for (let at = 0; at < ofKind.length; at += ENTRIES_A_BLOCK) {
      blocks.push(encodeEntries(kind, ofKind.slice(at, at + ENTRIES_A_BLOCK)))
    }
    return blocks.map(({ bytes }) => encodeBlock(kind, bytes))
  })
}

/** Makes a rename outlive a crash of the machine. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
