import { randomBytes } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { RevocationList } from '../revocation/index.js'
import { BlockReader, type ByteRange } from './block-reader.js'
import { encodeBlock, encodeHeader, encodeNumbered } from './format.js'
import { fsync, writeAt } from './fsync.js'
import { type Extent, GENERATION_BYTES } from './length-record.js'

/** The part of a file that holds all its blocks of kinds that only a newer version knows, and how many they are. */
export interface UnknownBlocks extends ByteRange {
  readonly count: number
}

/** A journal's file: grows by whole blocks, and overwrites a block that a failed write left incomplete. */
export class JournalFile {
  readonly #handle: FileHandle
  #bytes: number
  /** How many names of sources it holds. */
  #sources = 0
  /** A newer version's blocks: a compaction copies them. */
  #unknown: UnknownBlocks | undefined
  /** Tells this file from every other; an older version's has {@link NO_GENERATION}. */
  readonly generation: Buffer

  /** @param bytes up to the end of the last whole block */
  constructor(handle: FileHandle, bytes: number, generation: Buffer, unknown?: UnknownBlocks) {
    this.#handle = handle
    this.#bytes = bytes
    this.#unknown = unknown
    this.generation = generation
  }

  /** Creates a file that holds a header and its generation; empties one that exists. */
  static async create(path: string, seed: Buffer): Promise<JournalFile> {
    const file = new JournalFile(await open(path, 'w+', 0o600), 0, randomBytes(GENERATION_BYTES))
    try {
      await file.append(Buffer.concat([encodeHeader(seed), encodeBlock('generation', file.generation)]))
      return file
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** How much of it is durable once it has been synced. */
  get extent(): Extent {
    return { generation: this.generation, length: this.#bytes }
  }

  get bytes(): number {
    return this.#bytes
  }

  get unknownBytes(): number {
    return this.#unknown === undefined ? 0 : this.#unknown.to - this.#unknown.from
  }

  /** The block of the sources' names, if there are new ones. It precedes their entries. */
  sourcesBlock({ sources }: Pick<RevocationList, 'sources'>): Buffer[] {
    if (sources.all.length <= this.#sources) return []
    this.#sources = sources.all.length
    return [encodeBlock('sources', Buffer.from(JSON.stringify(sources.all)))]
  }

  /** Appends this file's blocks of unknown kinds to another one, unchanged and in their order. */
  async copyUnknown(to: JournalFile): Promise<void> {
    if (this.#unknown === undefined) return
    const from = to.bytes
    let count = 0
    for await (const { block } of new BlockReader(this.#unknown.from).blocksOf(this.#handle, this.#unknown.to)) {
      if (block.kind !== undefined) continue
      await to.append(encodeNumbered(block.number, block.payload))
      count++
    }
    if (count < this.#unknown.count) throw new Error('cannot read blocks that a newer version wrote')
    to.#unknown = { from, to: to.bytes, count }
  }

  /** Writes after the last whole block. If that fails the file counts as before, and the same may be tried again. */
  async append(bytes: Uint8Array): Promise<void> {
    await writeAt(this.#handle, bytes, this.#bytes)
    this.#bytes += bytes.length
  }

  /** Resolves when all that was appended is durable. */
  async sync(): Promise<void> {
    await fsync(this.#handle)
  }

  async close(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
  }
}
