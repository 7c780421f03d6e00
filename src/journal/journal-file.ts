import { randomBytes } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { encodeBlock, encodeHeader, encodeNumbered } from './format.js'
import { type Extent, GENERATION_BYTES } from './length-record.js'
import { piecesOf, type UnknownBlocks } from './read.js'

/** A file that grows by whole blocks: what was cut short is written over by the next attempt. */
export class JournalFile {
  readonly #handle: FileHandle
  #bytes: number
  /** How many names of sources it holds. */
  sources = 0
  /** They are kept. */
  unknown: UnknownBlocks | undefined

  /** Its own, so that no other file passes for it; an older version's has {@link NO_GENERATION}. */
  readonly generation: Buffer

  /** @param bytes up to the end of the last whole block */
  constructor(handle: FileHandle, bytes: number, generation: Buffer) {
    this.#handle = handle
    this.#bytes = bytes
    this.generation = generation
  }

  /** Makes a file that begins as a journal does, or empties the one that is there. */
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

  /** How much of it is on disk for certain, once it has been synced. */
  get extent(): Extent {
    return { generation: this.generation, length: this.#bytes }
  }

  get bytes(): number {
    return this.#bytes
  }

  get unknownBytes(): number {
    return this.unknown === undefined ? 0 : this.unknown.to - this.unknown.from
  }

  /** Hands the blocks of a kind that this version does not know on, as they stand in the file, one after the other. */
  async copyUnknown(to: JournalFile): Promise<void> {
    if (this.unknown === undefined) return
    const from = to.bytes
    let count = 0
    for await (const { block } of piecesOf(this.#handle, this.unknown)) {
      if (block === undefined || block.kind !== undefined) continue
      await to.append(encodeNumbered(block.number, block.payload))
      count++
    }
    if (count < this.unknown.count) throw new Error('blocks of a newer version can no longer be read')
    to.unknown = { from, to: to.bytes, count }
  }

  /** Writes after the last whole block. If that fails the file counts as it was, and the same may be tried again. */
  async append(bytes: Uint8Array): Promise<void> {
    let written = 0
    while (written < bytes.length) {
      written += (await this.#handle.write(bytes, written, bytes.length - written, this.#bytes + written)).bytesWritten
    }
    this.#bytes += bytes.length
  }

  /** Brings to the disk what was appended. */
  sync(): Promise<void> {
    return this.#handle.datasync()
  }

  async close(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
  }
}
