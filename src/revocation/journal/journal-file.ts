import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { encodeNumbered } from './format.js'
import { type ByteRange, blocksOf } from './read.js'

/** A file that grows by whole blocks: what was cut short is written over by the next attempt. */
export class JournalFile {
  readonly #handle: FileHandle
  #bytes: number
  /** How many names of sources it holds. */
  sources = 0
  /** Where blocks of kinds that this version does not know stand, among others: they are kept. */
  unknown: ByteRange | undefined

  /** @param bytes up to the end of the last whole block */
  constructor(handle: FileHandle, bytes: number) {
    this.#handle = handle
    this.#bytes = bytes
  }

  /** Makes a file, or empties the one that is there. */
  static async create(path: string): Promise<JournalFile> {
    return new JournalFile(await open(path, 'w+', 0o600), 0)
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
    for await (const next of blocksOf(this.#handle, this.unknown)) {
      if (next === 'damaged') throw new Error('blocks of a newer version can no longer be read')
      const { kind, number, payload } = next.block
      if (kind === undefined) await to.append(encodeNumbered(number, payload))
    }
    to.unknown = { from, to: to.bytes }
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

/** Makes a rename outlive a crash of the machine. */
export async function syncDirectoryOf(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
