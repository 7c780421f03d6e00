import { ByteReader, WireFormatError } from '../byte-reader.js'

/** The most entries that are read of one map: an event has a handful. */
const MAX_ENTRIES = 1024

/** The width of a value, by the high nibble of its code: also for codes that are not listed below. */
const FIXED_WIDTHS: Readonly<Record<number, number>> = {
  0: 1,
  1: 2,
  2: 4,
  3: 8,
  4: 16,
  5: 32,
  6: 64,
  7: 128,
  12: 5,
  13: 9,
  15: 0,
}
const LENGTH_WIDTHS: Readonly<Record<number, 1 | 2 | 4>> = { 8: 1, 9: 2, 10: 4 }

const FIXED: Readonly<Record<number, (reader: ByteReader) => unknown>> = {
  1: (r) => r.int8(),
  2: (r) => r.uint8(),
  4: (r) => String.fromCharCode(r.uint8()),
  8: (r) => r.uint8() !== 0,
  17: (r) => r.int16(),
  18: (r) => r.uint16(),
  33: (r) => r.int32(),
  34: (r) => r.uint32(),
  35: (r) => r.float32(),
  39: (r) => codePoint(r.uint32()),
  49: (r) => r.int64(),
  50: (r) => r.uint64(),
  51: (r) => r.float64(),
  56: (r) => r.int64(),
  240: () => null,
}

const UTF16 = new TextDecoder('utf-16be')
const latin1 = (bytes: Buffer) => bytes.toString('latin1')
const utf8 = (bytes: Buffer) => bytes.toString('utf8')
const utf16 = (bytes: Buffer) => UTF16.decode(bytes)
const binary = (bytes: Buffer) => bytes

const VARIABLE: Readonly<Record<number, (bytes: Buffer) => unknown>> = {
  128: binary,
  132: latin1,
  133: utf8,
  134: utf16,
  144: binary,
  148: latin1,
  149: utf8,
  150: utf16,
  152: utf8,
  160: binary,
}
/** Andes' string: its length has 4 bytes, though its code is among those of 2. */
const ANDES_STRING = 0x98

/**
 * Reads a body of type `amqp/map`, an AMQP 0-10 map, which is how Qpid and WSO2's Andes send a MapMessage: its size,
 * a count, then for each entry its name, a type and the value. Maps, lists and arrays inside it are passed over in one
 * step and read as `undefined`: nothing of ours looks into them. Throws WireFormatError.
 */
export function decodeAmqpMap(bytes: Buffer): ReadonlyMap<string, unknown> {
  const outer = new ByteReader(bytes)
  const reader = new ByteReader(outer.take(outer.uint32()))
  const count = reader.uint32()
  if (count > MAX_ENTRIES) throw new WireFormatError('a map of an impossible length')
  const entries = new Map<string, unknown>()
  for (let i = 0; i < count; i++) {
    const name = reader.take(reader.uint8()).toString('utf8')
    entries.set(name, readValue(reader))
  }
  return entries
}

function readValue(reader: ByteReader): unknown {
  const code = reader.uint8()
  const fixed = FIXED[code]
  if (fixed !== undefined) return fixed(reader)
  const width = FIXED_WIDTHS[code >> 4]
  if (width !== undefined) return reader.take(width)
  const bytes = reader.take(readLength(reader, code))
  return VARIABLE[code]?.(bytes)
}

function readLength(reader: ByteReader, code: number): number {
  const width = code === ANDES_STRING ? 4 : LENGTH_WIDTHS[code >> 4]
  if (width === undefined) throw new WireFormatError('an unknown type')
  return width === 1 ? reader.uint8() : width === 2 ? reader.uint16() : reader.uint32()
}

function codePoint(value: number): string | undefined {
  return value <= 0x10ffff ? String.fromCodePoint(value) : undefined
}
