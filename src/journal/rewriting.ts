import { rename, rm } from 'node:fs/promises'
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { RevocationList } from '../revocation/index.js'
import { type InStepMark, inStepBlocks, sourceBlocks } from './blocks.js'
import { encodeBlock } from './format.js'
import { JournalFile } from './journal-file.js'
import type { Extent, LengthRecord } from './length-record.js'
import type { Notes } from './notes.js'
import type { PendingPuts } from './pending.js'

/** What a new file is made of. */
export interface RewritingParts {
  readonly path: string
  readonly seed: Buffer
  readonly list: RevocationList
  readonly pending: PendingPuts
  readonly notes: Notes
  /** The file that it is to replace: what this version does not know is copied from there. */
  readonly old: JournalFile | undefined
}

/** What {@link Rewriting.finish} needs. */
export interface Finish {
  readonly mark: InStepMark | undefined
  readonly record: LengthRecord
  readonly inPlace: Extent | undefined
}

/** A new file beside the old one, written in slices from the list, while the old one goes on taking what is new. */
export class Rewriting {
  /** Resolves when what the list held has been written; the list's further changes are {@link add}ed. */
  readonly written: Promise<void>
  readonly #parts: RewritingParts
  readonly #beside: string
  #file: JournalFile | undefined
  #added: Uint8Array[] = []
  #abandoned = false
  #isWritten = false
  #isInPlace = false

  constructor(parts: RewritingParts) {
    this.#parts = parts
    this.#beside = `${parts.path}.new`
    this.written = this.#write()
  }

  get isWritten(): boolean {
    return this.#isWritten
  }

  /** Waits for {@link isWritten}, up to `patience` ms. */
  async isWrittenWithin(patience: number): Promise<boolean> {
    const over = new AbortController()
    const timeout = setTimeout(patience, undefined, { signal: over.signal })
    await Promise.race([this.written, timeout]).catch(() => undefined)
    over.abort()
    await timeout.catch(() => undefined)
    return this.#isWritten
  }

  /** Blocks that were appended to the old file, or should have been, since this began. */
  add(blocks: Uint8Array): void {
    this.#added.push(blocks)
  }

  /**
   * Puts the new file in the old one's place. Nothing may be appended to the old one meanwhile. The directory has yet to be
   * synced, and the length record to be told that the old one is gone.
   *
   * @param mark when the list was last in step with its sources, if the file will hold all of that moment
   * @param inPlace what the length record says of the old one
   */
  async finish({ mark, record, inPlace }: Finish): Promise<JournalFile> {
    await this.written
    const { path, seed, pending, notes } = this.#parts
    const file = this.#file
    if (file === undefined || !this.#isWritten) throw new TypeError('not written')
    await this.#writeAdded(file)
    for (const block of pending.export()) await file.append(block)
    for (const block of [...inStepBlocks(mark), ...notes.export()]) await file.append(block)
    await file.sync()
    // Whichever of the two a crash leaves in place, the record speaks of it.
    await record.write({ seed, current: inPlace, next: file.extent })
    await rename(this.#beside, path)
    this.#isInPlace = true
    return file
  }

  /** Gives up, and gives the disk's room back. */
  async abandon(): Promise<void> {
    this.#abandoned = true
    await this.written.catch(() => undefined)
    await this.#file?.close()
    if (!this.#isInPlace) await rm(this.#beside, { force: true }).catch(() => undefined)
  }

  async #write(): Promise<void> {
    const { seed, list, old } = this.#parts
    const file = await JournalFile.create(this.#beside, seed)
    this.#file = file
    await old?.copyUnknown(file)
    for (const { kind, bytes } of list.export()) {
      await file.append(Buffer.concat([...sourceBlocks(list.sources, file), encodeBlock(kind, bytes)]))
      await this.#writeAdded(file)
      await setImmediate()
      if (this.#abandoned) return
    }
    // Nearly all of it: what is left when the old file stops taking entries is on disk in no time.
    await file.sync()
    this.#isWritten = true
  }

  async #writeAdded(file: JournalFile): Promise<void> {
    const { sources } = this.#parts.list
    const added = this.#added
    this.#added = []
    if (added.length > 0) await file.append(Buffer.concat([...sourceBlocks(sources, file), ...added]))
  }
}
