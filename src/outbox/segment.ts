import { type FileHandle, open, rm } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { pendingBlock, readPending } from '../journal/index.js'
import { BlockReader } from './block-reader.js'
import { Unsent } from './unsent.js'

const CHUNK = 256 * 1024

/**
 * One file of an outbox: a journal's `pending` blocks, one behind the other. Grows until it is full, is read once, and goes
 * when nothing in it waits any more. What of it is done is not written down: a put that is made again does no harm.
 */
export class Segment {
  readonly path: string
  #reader = new BlockReader()
  /** Numbers of those that nobody needs to read back. */
  readonly #held = new Set<number>()
  #handle: FileHandle | undefined
  #bytes: number
  #readUpTo = 0
  #remaining: number
  #unread: number
  #damages = 0

  private constructor(path: string, handle: FileHandle | undefined, bytes: number, count: number) {
    this.path = path
    this.#handle = handle
    this.#bytes = bytes
    this.#remaining = count
    this.#unread = count
  }

  static async create(path: string): Promise<Segment> {
    return new Segment(path, await open(path, 'wx+', 0o600), 0, 0)
  }

  /** One that an earlier run left. A block that was cut short at its end was never promised to anybody. */
  static async find(path: string): Promise<Segment> {
    const handle = await open(path, 'r')
    try {
      const { size } = await handle.stat()
      const reader = new BlockReader()
      let count = 0
      for (let at = 0; at < size; ) {
        const chunk = await readAt(handle, at, CHUNK)
        if (chunk.length === 0) break
        at += chunk.length
        reader.push(chunk)
        for (let block = reader.next(); block !== undefined; block = reader.next()) {
          if (block.kind === 'pending') count++
        }
        await setImmediate()
      }
      return new Segment(path, undefined, size, count)
    } finally {
      await handle.close()
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Those that are not done. */
  get remaining(): number {
    return this.#remaining
  }

  /** Those that are not done and that nobody has in memory. */
  get unread(): number {
    return this.#unread
  }

  /** Stretches that could not be read so far. */
  get damages(): number {
    return this.#damages + this.#reader.damages
  }

  /** Resolves when these are on disk. If it rejects the file counts as it was. */
  async append(batch: readonly Unsent[]): Promise<void> {
    const handle = this.#handle
    if (handle === undefined) throw new TypeError('a segment that is full grows no more')
    const bytes = Buffer.concat(batch.map(({ put }) => pendingBlock(put)))
    for (let written = 0; written < bytes.length; ) {
      const at = this.#bytes + written
      written += (await handle.write(bytes, written, bytes.length - written, at)).bytesWritten
    }
    await handle.datasync()
    this.#bytes += bytes.length
    for (const unsent of batch) {
      unsent.segment = this
      this.#remaining++
      if (unsent.isHeld) this.#held.add(unsent.put.number)
      else this.#unread++
    }
  }

  /** Grows no more. */
  async seal(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  /** Up to `most` of those that nobody has in memory, in their order. */
  async read(most: number): Promise<Unsent[]> {
    const found: Unsent[] = []
    const handle = await open(this.path, 'r')
    try {
      while (found.length < most && this.#unread > 0) {
        const put = this.#next()
        if (put !== undefined) {
          this.#unread--
          found.push(new Unsent(put, true, this))
        } else if (!(await this.#readOn(handle))) {
          this.#missing()
        }
      }
    } catch (error) {
      // What has been taken out is not read again; what could not be read is.
      if (found.length === 0) throw error
    } finally {
      await handle.close()
    }
    return found
  }

  done(): void {
    this.#remaining--
  }

  /** Nothing in it waits: begins again. */
  async empty(): Promise<void> {
    await this.#handle?.truncate(0)
    this.#bytes = 0
    this.#readUpTo = 0
    this.#held.clear()
    this.#damages += this.#reader.damages
    this.#reader = new BlockReader()
  }

  /** Goes, with its file. */
  async remove(): Promise<void> {
    await this.seal()
    await rm(this.path, { force: true })
  }

  #next() {
    for (let block = this.#reader.next(); block !== undefined; block = this.#reader.next()) {
      const put = block.kind === 'pending' ? readPending(block.payload) : undefined
      if (put !== undefined && !this.#held.delete(put.number)) return put
    }
    return undefined
  }

  async #readOn(handle: FileHandle): Promise<boolean> {
    if (this.#readUpTo >= this.#bytes) return false
    const chunk = await readAt(handle, this.#readUpTo, Math.min(CHUNK, this.#bytes - this.#readUpTo))
    this.#readUpTo += chunk.length
    this.#reader.push(chunk)
    return chunk.length > 0
  }

  /** What was counted can't be found any more. */
  #missing(): void {
    this.#damages++
    this.#remaining -= this.#unread
    this.#unread = 0
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const chunk = Buffer.allocUnsafe(length)
  const { bytesRead } = await handle.read(chunk, 0, length, position)
  return chunk.subarray(0, bytesRead)
}
