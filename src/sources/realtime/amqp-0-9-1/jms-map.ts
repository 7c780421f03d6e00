import { ByteReader, WireFormatError } from '../byte-reader.js'

/** The most entries that are read of one map: an event has a handful. */
const MAX_ENTRIES = 1024
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
