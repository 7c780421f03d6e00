import { published, type TopicMessage } from '../../message/index.js'
import { ByteReader, WireFormatError } from '../amqp/byte-reader.js'

/** A message as amqplib delivers it, as far as it matters here. */
export interface Delivery {
  readonly content: Buffer
  readonly properties: {
    readonly contentType?: unknown
    /** Seconds since 1970; Andes writes milliseconds. */
    readonly timestamp?: unknown
    readonly headers?: Readonly<Record<string, unknown>> | undefined
  }
}

/** Bodies that hold serialised objects, streams or lists: never opened. */
const CLOSED_TYPE = /^(application\/(java-object-stream|x-java-serialized-object)|jms\/stream-message|amqp\/list)$/
const TEXT_TYPE = /^(text\/|application\/json\b)/

/** Reads a delivery by its content type; without one it is bytes. Headers are its properties. Throws WireFormatError. */
export function decodeMessage({ content, properties }: Delivery): TopicMessage {
  const type = typeof properties.contentType === 'string' ? properties.contentType.toLowerCase() : ''
  const headers = properties.headers ?? {}
  return { ...toBody(type, content), properties: new Map(Object.entries(headers)), ...published(properties.timestamp) }
}

function toBody(type: string, content: Buffer): TopicMessage {
  if (content.length === 0) return {}
  if (type === 'amqp/map') return { map: decodeAmqpMap(content) }
  if (type === 'jms/map-message') return { map: decodeJmsMap(content) }
  if (TEXT_TYPE.test(type)) return { text: content.toString('utf8') }
  return CLOSED_TYPE.test(type) ? {} : { bytes: content }
}

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

const NULL_LENGTH = -1

const TYPES: Readonly<Record<number, (reader: ByteReader) => unknown>> = {
  1: (r) => r.uint8() !== 0,
  2: (r) => r.int8(),
  3: (r) => {
    const length = r.int32()
    return length === NULL_LENGTH ? null : r.take(length)
  },
  4: (r) => r.int16(),
  5: (r) => String.fromCharCode(r.uint16()),
  6: (r) => r.int32(),
  7: (r) => r.int64(),
  8: (r) => r.float32(),
  9: (r) => r.float64(),
  10: (r) => r.untilZero().toString('utf8'),
  11: () => null,
}

/**
 * Reads a body of type `jms/map-message`, the older of Qpid's two map encodings, which a client writes when it is told
 * to (`use_legacy_map_msg_format`): a count, then for each entry its name, a 0, a type and the value, all big-endian.
 * Throws WireFormatError.
 */
export function decodeJmsMap(bytes: Buffer): ReadonlyMap<string, unknown> {
  const reader = new ByteReader(bytes)
  const count = reader.int32()
  if (count < 0 || count > MAX_ENTRIES) throw new WireFormatError('a map of an impossible length')
  const entries = new Map<string, unknown>()
  for (let i = 0; i < count; i++) {
    const name = reader.untilZero().toString('utf8')
    const read = TYPES[reader.uint8()]
    if (read === undefined) throw new WireFormatError('an unknown type')
    entries.set(name, read(reader))
  }
  return entries
}
