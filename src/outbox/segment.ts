import { type FileHandle, open, rm } from 'node:fs/promises'
import { BlockReader, fsync, type PendingPut, pendingBlock, readPending, writeAt } from '../journal/index.js'
import { StorePut } from './store-put.js'

const CHUNK = 256 * 1024

/**
 * A file of an outbox: a sequence of the journal's `pending` blocks. It grows until it is full, is read once, and is removed
 * when all in it is done. What is done is not recorded: a repeated put does no harm.
 */
export class Segment {
  readonly path: string
  #reader = new BlockReader()
  /** Numbers of those that are in memory already. */
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

  /** Opens one that an earlier run left. A block that is cut off at its end was never confirmed to anybody. */
  static async find(path: string): Promise<Segment> {
    const handle = await open(path, 'r')
    try {
      const { size } = await handle.stat()
      let count = 0
      for await (const { block } of new BlockReader().blocksOf(handle, size)) if (block.kind === 'pending') count++
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

  /** Damaged stretches found so far. */
  get damages(): number {
    return this.#damages + this.#reader.damages
  }

  /** Resolves when these are durable. If it rejects the file counts as before. */
  async append(batch: readonly StorePut[]): Promise<void> {
    const handle = this.#handle
    if (handle === undefined) throw new TypeError('outbox segment sealed')
    const bytes = Buffer.concat(batch.map(pendingBlock))
    await writeAt(handle, bytes, this.#bytes)
    await fsync(handle)
    this.#bytes += bytes.length
    for (const put of batch) {
      put.segment = this
      this.#remaining++
      if (put.isHeld) this.#held.add(put.number)
      else this.#unread++
    }
  }

  /** Grows no more. */
  async seal(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  /** Reads up to `most` of those that are not in memory, oldest first. Throws if none can be read. */
  async read(most: number): Promise<StorePut[]> {
    const found: StorePut[] = []
    const handle = await open(this.path, 'r')
    try {
      while (found.length < most && this.#unread > 0) {
        const put = this.#next()
        if (put !== undefined) {
          this.#unread--
          found.push(new StorePut(put, true, this))
        } else if (!(await this.#readOn(handle))) {
          this.#missing()
        }
      }
    } catch (error) {
      // What was found is not read again; the rest is, by the next call.
      if (found.length === 0) throw error
    } finally {
      await handle.close()
    }
    return found
  }

  done(): void {
    this.#remaining--
  }

  /** Starts over, once all in it is done. */
  async empty(): Promise<void> {
    await this.#handle?.truncate(0)
    this.#bytes = 0
    this.#readUpTo = 0
    this.#held.clear()
    this.#damages += this.#reader.damages
    this.#reader = new BlockReader()
  }

  /** Removes its file. */
  async remove(): Promise<void> {
    await this.seal()
    await rm(this.path, { force: true })
  }

  #next(): PendingPut | undefined {
    for (let found = this.#reader.next(); found !== undefined; found = this.#reader.next()) {
      const put = found.block.kind === 'pending' ? readPending(found.block.payload) : undefined
      if (put !== undefined && !this.#held.delete(put.number)) return put
    }
    return undefined
  }

  async #readOn(handle: FileHandle): Promise<boolean> {
    if (this.#readUpTo >= this.#bytes) return false
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, this.#bytes - this.#readUpTo))
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, this.#readUpTo)
    this.#readUpTo += bytesRead
    this.#reader.push(chunk.subarray(0, bytesRead))
    return bytesRead > 0
  }

  /** What was counted before can no longer be read. */
  #missing(): void {
    this.#damages++
    this.#remaining -= this.#unread
    this.#unread = 0
  }
}
