/** Bytes from a broker that do not hold what their own lengths and types announce. */
export class WireFormatError extends Error {
  readonly code = 'ERR_WIRE_FORMAT'
}

/** Reads big-endian values off a buffer, front to back. Whatever lies beyond the end is a {@link WireFormatError}. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  /** The next `length` bytes, not copied. */
  take(length: number): Buffer {
    const start = this.#advance(length)
    return this.#bytes.subarray(start, start + length)
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#advance(1))
  }

  int8(): number {
    return this.#bytes.readInt8(this.#advance(1))
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2))
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4))
  }

  /** A number where that is exact, else a bigint. */
  uint64(): number | bigint {
    return narrow(this.#bytes.readBigUInt64BE(this.#advance(8)))
  }

  /** A number where that is exact, else a bigint. */
  int64(): number | bigint {
    return narrow(this.#bytes.readBigInt64BE(this.#advance(8)))
  }

  float32(): number {
    return this.#bytes.readFloatBE(this.#advance(4))
  }

  float64(): number {
    return this.#bytes.readDoubleBE(this.#advance(8))
  }

  /** Bytes up to the next 0, which is passed over. */
  untilZero(): Buffer {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end < 0) throw new WireFormatError('a string has no end')
    const taken = this.take(end - this.#at)
    this.#at++
    return taken
  }

  #advance(length: number): number {
    if (length > this.remaining) throw new WireFormatError(`${length} bytes announced, ${this.remaining} there`)
    const start = this.#at
    this.#at += length
    return start
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
