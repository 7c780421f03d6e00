import type { FileHandle } from 'node:fs/promises'
import { type Block, decodeBlock, findBlock } from './format.js'

const CHUNK = 1 << 20

/** Bytes of a file, from the first to before the second. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** A whole block, and where it is in its file. Bytes between it and the one before are damaged. */
export interface FoundBlock extends ByteRange {
  readonly block: Block
}

/** Bytes of a file that hold no whole block. */
export interface LostBytes extends ByteRange {
  /** The file ends within a block, which is what an interrupted write leaves. */
  readonly isCut: boolean
}

/** Finds the whole blocks in a file's bytes, in order. Skips damaged bytes: the blocks behind them are found, too. */
export class BlockReader {
  #bytes: Buffer = Buffer.alloc(0)
  /** Where in the file `#bytes` begin. */
  #begin: number
  /** Where in `#bytes` the next block is looked for. */
  #at = 0
  /** Where in the file the last whole block ends. */
  #wholeTo: number
  #isDamaged = false
  #damages = 0

  /** @param position where in the file the first block begins */
  constructor(position = 0) {
    this.#begin = position
    this.#wholeTo = position
  }

  /** How many damaged stretches were found so far. */
  get damages(): number {
    return this.#damages
  }

  /** Takes the file's next bytes. */
  push(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), chunk])
    this.#begin += this.#at
    this.#at = 0
  }

  /** The next whole block; `undefined` if more bytes are needed for it. */
  next(): FoundBlock | undefined {
    for (;;) {
      const next = decodeBlock(this.#bytes, this.#at)
      if (next === 'more') return undefined
      if (next !== 'damaged' && next.block !== undefined) {
        const found = { block: next.block, from: this.#begin + this.#at, to: this.#begin + next.end }
        this.#isDamaged = false
        this.#at = next.end
        this.#wholeTo = found.to
        return found
      }
      if (!this.#isDamaged) this.#damages++
      this.#isDamaged = true
      this.#at = next === 'damaged' ? findBlock(this.#bytes, this.#at + 1) : next.end
    }
  }

  /** What follows the last whole block, once {@link next} has no more and the file has ended. */
  rest(): LostBytes | undefined {
    const to = this.#begin + this.#bytes.length
    return this.#wholeTo === to ? undefined : { from: this.#wholeTo, to, isCut: !this.#isDamaged }
  }

  /** Reads a file from this reader's position to `to`, or to its end, in bounded memory. Throws the file system's error. */
  async *blocksOf(file: FileHandle, to = Number.POSITIVE_INFINITY): AsyncGenerator<FoundBlock> {
    for (let position = this.#begin + this.#bytes.length; position < to; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, to - position))
      const { bytesRead } = await file.read(chunk, 0, chunk.length, position)
      if (bytesRead === 0) return
      position += bytesRead
      this.push(chunk.subarray(0, bytesRead))
      for (let found = this.next(); found !== undefined; found = this.next()) yield found
    }
  }
}
