import { type Block, decodeBlock, findBlock } from '../journal/index.js'

/** Takes whole blocks out of a file's bytes, in order, and steps over what is damaged: what follows it is read. */
export class BlockReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #isDamaged = false
  #damages = 0

  /** How many stretches of the file were damaged so far. */
  get damages(): number {
    return this.#damages
  }

  /** Further bytes of the file. */
  push(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), chunk])
    this.#at = 0
  }

  /** The next whole block; `undefined` if more bytes are needed for it. */
  next(): Block | undefined {
    for (;;) {
      const next = decodeBlock(this.#bytes, this.#at)
      if (next === 'more') return undefined
      if (next !== 'damaged' && next.block !== undefined) {
        this.#isDamaged = false
        this.#at = next.end
        return next.block
      }
      if (!this.#isDamaged) this.#damages++
      this.#isDamaged = true
      this.#at = next === 'damaged' ? findBlock(this.#bytes, this.#at + 1) : next.end
    }
  }
}
