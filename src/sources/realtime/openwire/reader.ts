import { OpenWireError } from './error.js'
import { decodeModifiedUtf8 } from './modified-utf8.js'

/**
 * Reads Java's DataInput encoding (big-endian) off a buffer. It never reads past the end and never allocates by an
 * announced length: whatever is announced must be there. Throws {@link OpenWireError}.
 */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get position(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1))
  }

  /** Any byte but 0 is true, as in Java. */
  boolean(): boolean {
    return this.uint8() !== 0
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  /** A number where that is exact, else a bigint. */
  int64(): number | bigint {
    const value = this.#bytes.readBigInt64BE(this.#take(8))
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }

  float32(): number {
    return this.#bytes.readFloatBE(this.#take(4))
  }

  float64(): number {
    return this.#bytes.readDoubleBE(this.#take(8))
  }

  /** A view of the next bytes, not a copy. */
  bytes(length: number): Buffer {
    const start = this.#take(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** A view of what was read since `start`, an earlier position. */
  since(start: number): Buffer {
    return this.#bytes.subarray(start, this.#at)
  }

  /** A string with a two-byte length. */
  utf(): string {
    return decodeModifiedUtf8(this.bytes(this.uint16()))
  }

  /** A string with a four-byte length; −1 is null. */
  longUtf(): string | null {
    const length = this.int32()
    return length === -1 ? null : decodeModifiedUtf8(this.bytes(length))
  }

  /** A string of a command: a flag whether there is one, then a two-byte length. */
  optionalUtf(): string | null {
    return this.boolean() ? this.utf() : null
  }

  /** A byte array of a command: a flag whether there is one, then a four-byte length. A view, not a copy. */
  optionalBytes(): Buffer | null {
    return this.boolean() ? this.bytes(this.int32()) : null
  }

  skip(length: number): void {
    this.#take(length)
  }

  #take(length: number): number {
    if (length < 0) throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a length is negative')
    if (length > this.remaining) throw new OpenWireError('ERR_OPENWIRE_TRUNCATED')
    const start = this.#at
    this.#at += length
    return start
  }
}
