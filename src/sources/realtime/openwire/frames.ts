import { OpenWireError } from './error.js'

const SIZE = 4
/**
 * The longest frame that is followed (bytes): what ActiveMQ's stock files set as its own limit. Text of another
 * protocol, read as a size, is far above it.
 */
export const LONGEST_FRAME = 100 * 1024 * 1024

export interface Frame {
  /** Without its size; a view of what was received where possible. */
  readonly bytes: Buffer
  /** Only its beginning was kept. */
  readonly isCut: boolean
}

/**
 * Cuts a stream of bytes into frames. Holds at most one frame of `maxFrameSize` bytes, allocated once its size is
 * known, however small the pieces are that it comes in: of a longer one this much is kept, and the rest is passed over.
 */
export class FrameAssembler {
  readonly #maxFrameSize: number
  readonly #size = Buffer.alloc(SIZE)
  #sizeRead = 0
  #partial: PartialFrame | undefined

  constructor(maxFrameSize: number) {
    this.#maxFrameSize = maxFrameSize
  }

  /**
   * The frames that `chunk` completes. Throws ERR_OPENWIRE_FRAME_TOO_LONG for one above {@link LONGEST_FRAME}, or
   * ERR_OPENWIRE_MALFORMED: the stream can't be followed any more.
   */
  *push(chunk: Buffer): Generator<Frame, void, undefined> {
    let at = 0
    while (at < chunk.length) {
      if (this.#partial !== undefined) {
        at += this.#partial.take(chunk, at)
        if (!this.#partial.isComplete) return
        const frame = this.#partial.frame
        this.#partial = undefined
        yield frame
        continue
      }
      const copied = chunk.copy(this.#size, this.#sizeRead, at)
      this.#sizeRead += copied
      at += copied
      if (this.#sizeRead < SIZE) return
      this.#sizeRead = 0
      const size = checked(this.#size.readInt32BE(0))
      if (size <= chunk.length - at && size <= this.#maxFrameSize) {
        yield { bytes: chunk.subarray(at, at + size), isCut: false }
        at += size
      } else {
        this.#partial = new PartialFrame(size, this.#maxFrameSize)
      }
    }
  }
}

/** A frame of which pieces are still to come. */
class PartialFrame {
  readonly #size: number
  readonly #kept: Buffer
  #read = 0

  constructor(size: number, maxKept: number) {
    this.#size = size
    this.#kept = Buffer.allocUnsafeSlow(Math.min(size, maxKept))
  }

  get isComplete(): boolean {
    return this.#read === this.#size
  }

  get frame(): Frame {
    return { bytes: this.#kept, isCut: this.#size > this.#kept.length }
  }

  /** Takes its part of the chunk, from there on; returns its length. */
  take(chunk: Buffer, from: number): number {
    const taken = Math.min(this.#size - this.#read, chunk.length - from)
    chunk.copy(this.#kept, this.#read, from, from + taken) // what does not fit is not copied
    this.#read += taken
    return taken
  }
}

function checked(size: number): number {
  if (size <= 0) throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a frame has no size')
  if (size > LONGEST_FRAME) {
    throw new OpenWireError('ERR_OPENWIRE_FRAME_TOO_LONG', `${size} bytes, the limit is ${LONGEST_FRAME}`)
  }
  return size
}
