const HEADER_BYTES = 8
/** The first four bytes of a protocol header, `AMQP`, read as a frame's size. */
const PROTOCOL_HEADER = 0x414d5150

/**
 * Follows the frames of one AMQP 1.0 connection (specification part 2.3) before rhea reads them.
 * rhea waits for as many bytes as a frame's size promises, up to 4 GB, and keeps them all:
 * a listener has to refuse such a frame itself.
 */
export class FrameGuard {
  readonly #maxFrameBytes: number
  readonly #prefix = Buffer.alloc(4)
  #prefixLength = 0
  #remaining = 0
  /** Bytes of the frames that have begun since this was last set to 0; idle frames, which are empty, do not count. */
  bytes = 0

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Whether every frame that starts in this piece of the stream has a size that may be. */
  accepts(chunk: Buffer): boolean {
    let offset = 0
    while (offset < chunk.length) {
      if (this.#remaining > 0) {
        const step = Math.min(this.#remaining, chunk.length - offset)
        this.#remaining -= step
        offset += step
        continue
      }
      this.#prefix[this.#prefixLength++] = chunk[offset++] ?? 0
      if (this.#prefixLength === 4 && !this.#startUnit()) return false
    }
    return true
  }

  #startUnit(): boolean {
    const size = this.#prefix.readUInt32BE()
    this.#prefixLength = 0
    this.#remaining = (size === PROTOCOL_HEADER ? HEADER_BYTES : size) - 4
    if (size > HEADER_BYTES && size !== PROTOCOL_HEADER) this.bytes += size
    return size === PROTOCOL_HEADER || (size >= HEADER_BYTES && size <= this.#maxFrameBytes)
  }
}
