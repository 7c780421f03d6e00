import type { TopicMessage } from '../../message/index.js'
import { ByteReader } from '../byte-reader.js'
import { readDescriptor, readMap, readValue, readValueOrMap } from './value.js'

/** Sections of a message (AMQP 1.0, part 3, 3.2). */
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
  while (reader.remaining > 0) {
    const section = readDescriptor(reader)
    if (section === APPLICATION_PROPERTIES) properties = readMap(reader)
    else if (section === VALUE) value = readValueOrMap(reader)
    else if (section === DATA) data.push(asBytes(readValue(reader)))
    else readValue(reader)
  }
  const body = value ?? (data.length > 0 ? Buffer.concat(data) : undefined)
  return { ...toBody(body), ...(properties === undefined ? {} : { properties }) }
}

function toBody(body: unknown): TopicMessage {
  if (typeof body === 'string') return { text: body }
  if (Buffer.isBuffer(body)) return { bytes: body }
  return body instanceof Map ? { map: body } : {}
}

function asBytes(value: unknown): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}
