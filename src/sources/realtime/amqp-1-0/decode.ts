import { published, type TopicMessage } from '../../message/index.js'
import { ByteReader, WireFormatError } from '../amqp/byte-reader.js'

/** Sections of a message (AMQP 1.0, part 3, 3.2). */
const PROPERTIES = 0x73
const APPLICATION_PROPERTIES = 0x74
const DATA = 0x75
const VALUE = 0x77

/**
 * Reads the bytes of an AMQP 1.0 message: a map (JMS MapMessage), text, binary or data sections (BytesMessage), and
 * application properties. Other bodies are passed over. Throws WireFormatError.
 *
 * rhea's own decoder is not used on messages: anybody who may publish could send an array of four thousand million
 * elements of no width in 20 bytes, which it would build, or an unknown section, which it would print.
 */
export function decodeMessage(bytes: Buffer): TopicMessage {
  const reader = new ByteReader(bytes)
  const data: Buffer[] = []
  let value: unknown
  let properties: ReadonlyMap<string, unknown> | undefined
  let publishedAt: Pick<TopicMessage, 'publishedAt'> = {}
  while (reader.remaining > 0) {
    const section = readDescriptor(reader)
    if (section === APPLICATION_PROPERTIES) properties = readMap(reader)
    else if (section === PROPERTIES) publishedAt = readCreationTime(reader)
    else if (section === VALUE) value = readValueOrMap(reader)
    else if (section === DATA) data.push(asBytes(readValue(reader)))
    else readValue(reader)
  }
  const body = value ?? (data.length > 0 ? Buffer.concat(data) : undefined)
  return { ...toBody(body), ...(properties === undefined ? {} : { properties }), ...publishedAt }
}

/** Position of `creation-time` in the section (AMQP 1.0, part 3, 3.2.4). */
const CREATION_TIME = 9

/** Only for measuring: what cannot be read is no reason to refuse the message. */
function readCreationTime(reader: ByteReader): Pick<TopicMessage, 'publishedAt'> {
  const code = readCode(reader)
  if (code !== 0xc0 && code !== 0xd0) {
    readContent(reader, code)
    return {}
  }
  const list = new ByteReader(reader.take(code === 0xc0 ? reader.uint8() : reader.uint32()))
  try {
    const count = code === 0xc0 ? list.uint8() : list.uint32()
    if (count <= CREATION_TIME) return {}
    for (let i = 0; i < CREATION_TIME; i++) readValue(list)
    return published(readValue(list))
  } catch {
    return {}
  }
}

function toBody(body: unknown): TopicMessage {
  if (typeof body === 'string') return { text: body }
  if (Buffer.isBuffer(body)) return { bytes: body }
  return body instanceof Map ? { map: body } : {}
}

function asBytes(value: unknown): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}

/** The most entries that are read of one map: an event has a handful. */
const MAX_ENTRIES = 1024

/** How a value is laid out, by the high nibble of its code (AMQP 1.0, part 1, 1.2): also for codes not in use yet. */
const FIXED_WIDTHS: Readonly<Record<number, number>> = { 4: 0, 5: 1, 6: 2, 7: 4, 8: 8, 9: 16 }
const LENGTH_WIDTHS: Readonly<Record<number, 1 | 4>> = { 10: 1, 11: 4, 12: 1, 13: 4, 14: 1, 15: 4 }

const SCALARS: Readonly<Record<number, (reader: ByteReader) => unknown>> = {
  64: () => null,
  65: () => true,
  66: () => false,
  67: () => 0,
  68: () => 0,
  80: (r) => r.uint8(),
  81: (r) => r.int8(),
  82: (r) => r.uint8(),
  83: (r) => r.uint8(),
  84: (r) => r.int8(),
  85: (r) => r.int8(),
  86: (r) => r.uint8() !== 0,
  96: (r) => r.uint16(),
  97: (r) => r.int16(),
  112: (r) => r.uint32(),
  113: (r) => r.int32(),
  114: (r) => r.float32(),
  128: (r) => r.uint64(),
  129: (r) => r.int64(),
  130: (r) => r.float64(),
  131: (r) => r.int64(),
}

/**
 * Reads one value of AMQP 1.0: scalars, strings, binary (a `Buffer`). A list, an array, and a map that is not asked
 * for by {@link readMap} are passed over in one step and read as `undefined`: nothing of ours looks into them, and
 * what is not entered can neither recurse nor multiply. Throws WireFormatError.
 */
export function readValue(reader: ByteReader): unknown {
  return readContent(reader, readCode(reader))
}

/** Reads a value that is expected to be a map with text keys; `undefined` when it is something else. */
export function readMap(reader: ByteReader): ReadonlyMap<string, unknown> | undefined {
  const value = readValueOrMap(reader)
  return value instanceof Map ? value : undefined
}

/** As {@link readValue}, but a map is read into a `Map`, one level deep. */
function readValueOrMap(reader: ByteReader): unknown {
  const code = readCode(reader)
  return code === 0xc1 || code === 0xd1 ? readEntries(reader, code) : readContent(reader, code)
}

/** Reads the descriptor that introduces a section: its number, or `undefined` for one that is named by a symbol. */
function readDescriptor(reader: ByteReader): number | undefined {
  if (reader.uint8() !== 0) throw new WireFormatError('a section without a descriptor')
  const descriptor = readContent(reader, reader.uint8())
  return typeof descriptor === 'number' ? descriptor : undefined
}

function readEntries(reader: ByteReader, code: number): ReadonlyMap<string, unknown> {
  const narrow = code === 0xc1
  const size = narrow ? reader.uint8() : reader.uint32()
  const before = reader.remaining
  const count = narrow ? reader.uint8() : reader.uint32()
  if (count % 2 !== 0 || count > 2 * MAX_ENTRIES) throw new WireFormatError('a map of an impossible length')
  const entries = new Map<string, unknown>()
  for (let i = 0; i < count; i += 2) {
    const key = readValue(reader)
    const value = readValue(reader)
    if (typeof key === 'string') entries.set(key, value)
  }
  if (before - reader.remaining !== size) throw new WireFormatError('a map whose size is not its own')
  return entries
}

/** The code of the next value. A described value counts as the value that it wraps. */
function readCode(reader: ByteReader): number {
  const code = reader.uint8()
  if (code !== 0) return code
  readContent(reader, reader.uint8())
  const inner = reader.uint8()
  if (inner === 0) throw new WireFormatError('a described value inside another')
  return inner
}

function readContent(reader: ByteReader, code: number): unknown {
  const scalar = SCALARS[code]
  if (scalar !== undefined) return scalar(reader)
  const width = FIXED_WIDTHS[code >> 4]
  if (width !== undefined) {
    reader.take(width)
    return undefined
  }
  const lengthWidth = LENGTH_WIDTHS[code >> 4]
  if (lengthWidth === undefined) throw new WireFormatError('an unknown type')
  const bytes = reader.take(lengthWidth === 1 ? reader.uint8() : reader.uint32())
  if (code === 0xa0 || code === 0xb0) return bytes
  // A symbol is ASCII, which is UTF-8 too.
  const text = code === 0xa1 || code === 0xb1 || code === 0xa3 || code === 0xb3
  return text ? bytes.toString('utf8') : undefined
}
