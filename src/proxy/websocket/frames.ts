/** Opcode of a Close frame (RFC 6455 §5.2). */
const CLOSE = 0x8
/** Bytes of the longest frame header: two, an 8-byte length, a 4-byte mask. */
const LONGEST_HEADER = 14

/**
 * Finds the boundaries in a stream of WebSocket frames (RFC 6455 §5.2), however it is cut into chunks. Reads headers only,
 * and never throws: it does not validate frames.
 */
export class WebSocketFrames {
  readonly #header = Buffer.alloc(LONGEST_HEADER)
  #headerBytes = 0
  #payloadLeft = 0
  #closed = false

  /** Whether only whole frames were read: another frame may be inserted here. */
  get atBoundary(): boolean {
    return this.#headerBytes === 0
  }

  /** Whether a whole Close frame was read: no frame may follow it. */
  get closed(): boolean {
    return this.#closed
  }

  /** Reads a whole chunk. */
  read(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) at = this.#readFrame(chunk, at)
  }

  /** Reads to the end of the frame that the chunk begins in, or begins with; returns how many bytes it read. */
  readToBoundary(chunk: Buffer): number {
    return this.#readFrame(chunk, 0)
  }

  #readFrame(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length && this.#headerBytes < headerLength(this.#header, this.#headerBytes)) {
      this.#header[this.#headerBytes++] = chunk[at++] as number
      if (this.#headerBytes === headerLength(this.#header, this.#headerBytes)) {
        this.#payloadLeft = payloadLength(this.#header)
      }
    }
    if (this.#headerBytes < headerLength(this.#header, this.#headerBytes)) return at
    const taken = Math.min(this.#payloadLeft, chunk.length - at)
    this.#payloadLeft -= taken
    if (this.#payloadLeft === 0) {
      if (((this.#header[0] as number) & 0x0f) === CLOSE) this.#closed = true
      this.#headerBytes = 0
    }
    return at + taken
  }
}

/** A Close frame as a server sends it: unmasked, with a code (RFC 6455 §7.4.1) and no text. */
export function closeFrame(code: number): Buffer {
  const frame = Buffer.from([0x80 | CLOSE, 2, 0, 0])
  frame.writeUInt16BE(code, 2)
  return frame
}

/** Bytes of a whole header, as far as its first `known` bytes say. */
function headerLength(header: Buffer, known: number): number {
  if (known < 2) return 2
  const second = header[1] as number
  const length = second & 0x7f
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & 0x80) === 0 ? 0 : 4)
}

function payloadLength(header: Buffer): number {
  const length = (header[1] as number) & 0x7f
  if (length === 126) return header.readUInt16BE(2)
  // Not exact beyond 2^53: no such frame ever ends.
  return length === 127 ? Number(header.readBigUInt64BE(2)) : length
}
