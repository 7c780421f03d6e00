import { type Primitive, readPrimitiveMap } from './decode.js'
import { OpenWireError } from './error.js'
import { ByteReader } from './reader.js'
import { ByteWriter } from './writer.js'

/** The loose encoding's field lists are the same in these versions. */
const OLDEST_VERSION = 10
const NEWEST_VERSION = 12

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

/** How other servers start to talk, or answer what they don't understand. */
const GREETINGS: readonly (readonly [greeting: Buffer, name: string])[] = [
  [Buffer.from('AMQP\x00\x00\x09\x01', 'latin1'), 'AMQP 0-9-1'],
  [Buffer.from('AMQP\x01\x01\x00\x0a', 'latin1'), 'AMQP 0-10'],
  [Buffer.from('AMQP\x00\x01\x00\x00', 'latin1'), 'AMQP 1.0'],
  [Buffer.from('AMQP\x02\x01\x00\x00', 'latin1'), 'AMQP 1.0 (TLS)'],
  [Buffer.from('AMQP\x03\x01\x00\x00', 'latin1'), 'AMQP 1.0 (SASL)'],
  [Buffer.from('AMQP'), 'AMQP'],
  [Buffer.from('HTTP/'), 'HTTP'],
  [Buffer.from('SSH-'), 'SSH'],
  [Buffer.from('ERROR'), 'STOMP'],
  [Buffer.from('CONNECTED'), 'STOMP'],
  [Buffer.from([0x15, 0x03]), 'TLS'],
  [Buffer.from([0x16, 0x03]), 'TLS'],
]

/** The protocol that these first bytes of a server belong to; `undefined` when they are of none that we know. */
export function foreignProtocol(start: Buffer): string | undefined {
  return GREETINGS.find(([greeting]) => start.subarray(0, greeting.length).equals(greeting))?.[1]
}
