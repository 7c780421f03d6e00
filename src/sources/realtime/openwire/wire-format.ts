import { OpenWireError } from './error.js'
import { type Primitive, readPrimitiveMap } from './primitive-map.js'
import { ByteReader } from './reader.js'
import { ByteWriter } from './writer.js'

/** The loose encoding's field lists are the same in these versions. */
export const OLDEST_VERSION = 10
export const NEWEST_VERSION = 12

export const WIRE_FORMAT_INFO = 1
const MAGIC = Buffer.from('ActiveMQ')

/** What a broker says of its wire format, before anything else. */
export interface WireFormatInfo {
  readonly version: number
  readonly properties: ReadonlyMap<string, Primitive>
}

/**
 * Our side of the negotiation, as a whole frame: loose encoding, no caches, no stack traces.
 * `maxInactivity` (ms) is how long either side may be silent; the broker takes the smaller of both sides' values.
 */
export function encodeWireFormatInfo(maxInactivity: number, maxFrameSize: number): Buffer {
  const flags = ['TightEncodingEnabled', 'CacheEnabled', 'StackTraceEnabled', 'SizePrefixDisabled']
  const properties = new ByteWriter().int32(flags.length + 4)
  for (const flag of flags) properties.utf(flag).uint8(1).boolean(false)
  properties.utf('TcpNoDelayEnabled').uint8(1).boolean(true)
  properties.utf('MaxInactivityDuration').uint8(6).int64(maxInactivity)
  properties.utf('MaxInactivityDurationInitalDelay').uint8(6).int64(maxInactivity) // spelt so by ActiveMQ
  properties.utf('MaxFrameSize').uint8(6).int64(maxFrameSize)
  const body = new ByteWriter()
    .uint8(WIRE_FORMAT_INFO)
    .raw(MAGIC)
    .int32(NEWEST_VERSION)
    .optionalBytes(properties.finish())
    .finish()
  return new ByteWriter().int32(body.length).raw(body).finish()
}

/** Whether a frame (without its size) starts as a WireFormatInfo does; a shorter one is compared as far as it goes. */
export function looksLikeWireFormatInfo(frame: Buffer): boolean {
  if (frame.length > 0 && frame[0] !== WIRE_FORMAT_INFO) return false
  const magic = frame.subarray(1, 1 + MAGIC.length)
  return magic.equals(MAGIC.subarray(0, magic.length))
}

/** Decodes a frame without its size. Throws OpenWireError for anything else than a WireFormatInfo. */
export function decodeWireFormatInfo(frame: Buffer): WireFormatInfo {
  const reader = new ByteReader(frame)
  if (reader.uint8() !== WIRE_FORMAT_INFO || !reader.bytes(MAGIC.length).equals(MAGIC)) {
    throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'not a WireFormatInfo')
  }
  const version = reader.int32()
  const marshalled = reader.optionalBytes()
  return {
    version,
    properties: marshalled === null ? new Map() : readPrimitiveMap(new ByteReader(marshalled)),
  }
}

/** The version that both sides speak: the smaller one. Throws ERR_OPENWIRE_VERSION when we don't. */
export function negotiatedVersion(theirs: WireFormatInfo): number {
  if (theirs.version < OLDEST_VERSION) {
    throw new OpenWireError('ERR_OPENWIRE_VERSION', `version ${theirs.version}, at least ${OLDEST_VERSION} is needed`)
  }
  return Math.min(theirs.version, NEWEST_VERSION)
}
