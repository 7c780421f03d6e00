import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A file that grows by whole blocks: what was cut short is written over by the next attempt. */
export class JournalFile {
  readonly #handle: FileHandle
  #bytes: number
  /** How many names of sources it holds. */
  sources = 0

  /** @param bytes up to the end of the last whole block */
  constructor(handle: FileHandle, bytes: number) {
    this.#handle = handle
    this.#bytes = bytes
  }

  /** Makes a file, or empties the one that is there. */
  static async create(path: string): Promise<JournalFile> {
    return new JournalFile(await open(path, 'w', 0o600), 0)
  }

  get bytes(): number {
    return this.#bytes
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
