import { OpenWireError } from './error.js'

const SIZE = 4

/**
 * Cuts a stream of bytes into frames. Holds at most one frame of `maxFrameSize` bytes, allocated once its size is
 * known to be within the limit, however small the pieces are that it comes in.
 */
export class FrameAssembler {
  readonly #maxFrameSize: number
  readonly #size = Buffer.alloc(SIZE)
  #sizeRead = 0
  #partial: Buffer | undefined
  #filled = 0

  constructor(maxFrameSize: number) {
    this.#maxFrameSize = maxFrameSize
  }

  /**
   * The frames, without their sizes, that `chunk` completes; views of the chunk where possible.
   * Throws ERR_OPENWIRE_FRAME_TOO_LONG or ERR_OPENWIRE_MALFORMED when the stream can't be followed any more.
   */
  *push(chunk: Buffer): Generator<Buffer, void, undefined> {
    let at = 0
    while (at < chunk.length) {
      if (this.#partial !== undefined) {
        const copied = chunk.copy(this.#partial, this.#filled, at)
        this.#filled += copied
        at += copied
        if (this.#filled < this.#partial.length) return
        const frame = this.#partial
        this.#partial = undefined
        yield frame
        continue
      }
      const copied = chunk.copy(this.#size, this.#sizeRead, at)
      this.#sizeRead += copied
      at += copied
      if (this.#sizeRead < SIZE) return
      this.#sizeRead = 0
      const size = this.#checked(this.#size.readInt32BE(0))
      if (size <= chunk.length - at) {
        yield chunk.subarray(at, at + size)
        at += size
      } else {
        this.#partial = Buffer.allocUnsafeSlow(size)
        this.#filled = 0
      }
    }
  }

  #checked(size: number): number {
    if (size <= 0) throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a frame has no size')
    if (size > this.#maxFrameSize) {
      throw new OpenWireError('ERR_OPENWIRE_FRAME_TOO_LONG', `${size} bytes, the limit is ${this.#maxFrameSize}`)
    }
    return size
  }
}
