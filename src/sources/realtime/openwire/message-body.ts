import { inflateSync } from 'node:zlib'
import type { TopicMessage } from '../../message/index.js'
import { OpenWireError } from './error.js'
import type { WireMessage } from './message.js'
import { type Primitive, readPrimitiveMap } from './primitive-map.js'
import { ByteReader } from './reader.js'

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
  return { ...decodeBody(message, maxBodySize), properties }
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
    const tooLong = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    // Without a cause: zlib's error may hold a part of the body.
    if (tooLong) throw new OpenWireError('ERR_OPENWIRE_BODY_TOO_LONG', `more than ${maxBodySize} bytes inflated`)
    throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a compressed body is not a zlib stream')
  }
}
