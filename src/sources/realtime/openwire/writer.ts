import { OpenWireError } from './error.js'
import { encodeModifiedUtf8 } from './modified-utf8.js'

const LONGEST_UTF = 0xffff

/** Writes Java's DataOutput encoding (big-endian). What we send is small, so a list of parts serves. */
export class ByteWriter {
  readonly #parts: Buffer[] = []

  uint8(value: number): this {
    return this.raw(Buffer.of(value & 0xff))
  }

  boolean(value: boolean): this {
    return this.uint8(value ? 1 : 0)
  }

  int32(value: number): this {
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(value)
    return this.raw(bytes)
  }

  int64(value: number | bigint): this {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeBigInt64BE(BigInt(value))
    return this.raw(bytes)
  }

  /** A string with a two-byte length. Throws ERR_OPENWIRE_VALUE_TOO_LONG beyond 65,535 bytes. */
  utf(text: string): this {
    const bytes = encodeModifiedUtf8(text)
    if (bytes.length > LONGEST_UTF) throw new OpenWireError('ERR_OPENWIRE_VALUE_TOO_LONG')
    return this.raw(Buffer.of(bytes.length >> 8, bytes.length & 0xff)).raw(bytes)
  }

  optionalUtf(text: string | undefined): this {
    return text === undefined ? this.boolean(false) : this.boolean(true).utf(text)
  }

  optionalBytes(bytes: Buffer | undefined): this {
    return bytes === undefined ? this.boolean(false) : this.boolean(true).int32(bytes.length).raw(bytes)
  }

  /** Bytes that are encoded already. */
  raw(bytes: Buffer): this {
    this.#parts.push(bytes)
    return this
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts)
  }
}
