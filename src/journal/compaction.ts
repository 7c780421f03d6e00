import { rename, rm } from 'node:fs/promises'
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { RevocationList } from '../revocation/index.js'
import { entryBlock, type InSyncMark, markBlock } from './format.js'
import { JournalFile } from './journal-file.js'
import type { Extent, LengthRecord } from './length-record.js'
import type { Notes } from './notes.js'
import type { PendingPuts } from './pending.js'

/** What a new file is made of. */
export interface CompactionParts {
  readonly path: string
  readonly seed: Buffer
  readonly list: RevocationList
  readonly pending: PendingPuts
  readonly notes: Notes
  /** The file to replace: blocks that this version does not know are copied from it. */
  readonly old: JournalFile | undefined
}

/** What {@link Compaction.finish} needs. */
export interface Finish {
  /** When the list was last in sync with its sources, if the file will hold all entries of that moment. */
  readonly mark: InSyncMark | undefined
  readonly record: LengthRecord
  /** What the length record says of the old file. */
  readonly inPlace: Extent | undefined
}

/** Writes a new file from the list, in slices, beside the old one, which goes on taking entries. */
export class Compaction {
  /** Resolves when what the list held has been written; the list's further changes are {@link add}ed. */
  readonly written: Promise<void>
  readonly #parts: CompactionParts
  readonly #draft: string
  #file: JournalFile | undefined
  #added: Uint8Array[] = []
  #isAbandoned = false
  #isWritten = false
  #isInPlace = false

  constructor(parts: CompactionParts) {
    this.#parts = parts
    this.#draft = draftOf(parts.path)
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

  /** Takes blocks that were appended to the old file, or should have been, since this began. */
  add(blocks: Uint8Array): void {
    this.#added.push(blocks)
  }

  /**
   * Puts the new file in the old one's place. Nothing may be appended to the old one meanwhile. Afterwards the caller fsyncs
   * the directory, and tells the length record that the old file is gone.
   */
  async finish({ mark, record, inPlace }: Finish): Promise<JournalFile> {
    await this.written
    const { path, seed, pending, notes } = this.#parts
    const file = this.#file
    if (file === undefined || !this.#isWritten) throw new TypeError('compaction abandoned')
    await this.#writeAdded(file)
    const marks = mark === undefined ? [] : [markBlock(mark)]
    for (const block of [...pending.export(), ...marks, ...notes.export()]) await file.append(block)
    await file.sync()
    // Whichever of the two files a crash leaves in place, the record names it.
    await record.write({ seed, current: inPlace, next: file.extent })
    await rename(this.#draft, path)
    this.#isInPlace = true
    return file
  }

  /** Stops, and removes the new file unless it is in place. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true
    await this.written.catch(() => undefined)
    await this.#file?.close()
    if (!this.#isInPlace) await rm(this.#draft, { force: true }).catch(() => undefined)
  }

  async #write(): Promise<void> {
    const { seed, list, old } = this.#parts
    const file = await JournalFile.create(this.#draft, seed)
    this.#file = file
    await old?.copyUnknown(file)
    for (const block of list.export()) {
      await file.append(Buffer.concat([...file.sourcesBlock(list), ...entryBlock(block, list.claimSets.all)]))
      await this.#writeAdded(file)
      await setImmediate()
      if (this.#isAbandoned) return
    }
    // Nearly all of it: the sync in `finish`, which entries wait for, is short then.
    await file.sync()
    this.#isWritten = true
  }

  async #writeAdded(file: JournalFile): Promise<void> {
    const added = this.#added
    this.#added = []
    if (added.length > 0) await file.append(Buffer.concat([...file.sourcesBlock(this.#parts.list), ...added]))
  }
}

const draftOf = (journal: string) => `${journal}.new`

/** Removes what a process left that ended during a compaction. */
export async function removeDraft(journal: string): Promise<void> {
  await rm(draftOf(journal), { force: true })
}
