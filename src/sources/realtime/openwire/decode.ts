import { inflateSync } from 'node:zlib'
import { hasCode } from '../../../error-code.js'
import { published, type TopicMessage } from '../../message/index.js'
import { OpenWireError } from './error.js'
import { ByteReader } from './reader.js'
import type { WireMessage } from './received.js'

/**
 * Decodes a message's body and properties. A compressed body is inflated to `maxBodySize` bytes at most.
 * Java objects are never deserialised: such a message, a stream and a blob are given by their properties alone.
 * Throws OpenWireError, which concerns this message only.
 */
export function decodeMessage(message: WireMessage, maxBodySize: number): TopicMessage {
  const { marshalledProperties } = message
  const properties =
    marshalledProperties === null || marshalledProperties.length === 0
      ? new Map<string, Primitive>()
      : readPrimitiveMap(new ByteReader(marshalledProperties))
  return { ...decodeBody(message, maxBodySize), properties, ...published(message.timestamp) }
}

function decodeBody(message: WireMessage, maxBodySize: number): TopicMessage {
  const { content } = message
  if (content === null || content.length === 0) return {}
  switch (message.kind) {
    case 'map':
      return { map: readPrimitiveMap(new ByteReader(plain(message, content, maxBodySize))) }
    case 'text': {
      const text = new ByteReader(plain(message, content, maxBodySize)).longUtf()
      return text === null ? {} : { text }
    }
    case 'bytes':
      return { bytes: message.compressed ? inflateBytes(message, content, maxBodySize) : Buffer.from(content) }
    default:
      return {}
  }
}

/** A compressed BytesMessage alone starts with its inflated length; ActiveMQ 5.17 compresses padding behind it too. */
function inflateBytes(message: WireMessage, content: Buffer, maxBodySize: number): Buffer {
  const reader = new ByteReader(content)
  const length = reader.int32()
  return new ByteReader(plain(message, reader.bytes(reader.remaining), maxBodySize)).bytes(length)
}

function plain(message: WireMessage, content: Buffer, maxBodySize: number): Buffer {
  if (!message.compressed) return content
  try {
    return inflateSync(content, { maxOutputLength: maxBodySize })
  } catch (error) {
    const tooLong = hasCode(error, 'ERR_BUFFER_TOO_LARGE')
    // Without a cause: zlib's error may hold a part of the body.
    if (tooLong) throw new OpenWireError('ERR_OPENWIRE_BODY_TOO_LONG', `more than ${maxBodySize} bytes inflated`)
    throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a compressed body is not a zlib stream')
  }
}

/** What a primitive map may hold: JavaScript's own types, a bigint for a long that is no safe number. */
export type Primitive =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | readonly Primitive[]
  | ReadonlyMap<string, Primitive>

/** A revocation holds about six values; the limit keeps a hostile message from growing into millions of objects. */
export const MAX_VALUES = 10_000
export const MAX_DEPTH = 16

interface Budget {
  values: number
}

/** Reads ActiveMQ's primitive map: the body of a MapMessage, the properties of any message. Throws OpenWireError. */
export function readPrimitiveMap(reader: ByteReader): ReadonlyMap<string, Primitive> {
  return readMap(reader, { values: MAX_VALUES }, 0)
}

function readMap(reader: ByteReader, budget: Budget, depth: number): Map<string, Primitive> {
  const size = reader.int32() // −1 means no map
  const map = new Map<string, Primitive>()
  spend(budget, size, depth)
  for (let i = 0; i < size; i++) {
    const key = reader.utf()
    map.set(key, readValue(reader, budget, depth))
  }
  return map
}

function readList(reader: ByteReader, budget: Budget, depth: number): Primitive[] {
  const size = reader.int32()
  const list: Primitive[] = []
  spend(budget, size, depth)
  for (let i = 0; i < size; i++) list.push(readValue(reader, budget, depth))
  return list
}

function spend(budget: Budget, size: number, depth: number): void {
  if (size < -1) throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a length is negative')
  if (depth > MAX_DEPTH) throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'maps are nested too deep')
  budget.values -= Math.max(size, 0)
  if (budget.values < 0) throw new OpenWireError('ERR_OPENWIRE_BODY_TOO_LONG', `more than ${MAX_VALUES} values`)
}

function readValue(reader: ByteReader, budget: Budget, depth: number): Primitive {
  const type = reader.uint8()
  switch (type) {
    case 0:
      return null
    case 1:
      return reader.boolean()
    case 2:
      return reader.int8()
    case 3:
      return String.fromCharCode(reader.uint16())
    case 4:
      return reader.int16()
    case 5:
      return reader.int32()
    case 6:
      return reader.int64()
    case 7:
      return reader.float64()
    case 8:
      return reader.float32()
    case 9:
      return reader.utf()
    case 10:
      return Buffer.from(reader.bytes(reader.int32()))
    case 11:
      return readMap(reader, budget, depth + 1)
    case 12:
      return readList(reader, budget, depth + 1)
    case 13:
      return reader.longUtf()
    default:
      throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a value has an unknown type')
  }
}
