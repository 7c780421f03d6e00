import type { ByteReader } from './reader.js'
import {
  readMessageId,
  skipConsumerId,
  skipDestination,
  skipProducerId,
  skipString,
  skipTransactionId,
} from './structures.js'

const KINDS = { 23: 'plain', 24: 'bytes', 25: 'map', 26: 'object', 27: 'stream', 28: 'text', 29: 'blob' } as const

export type MessageKind = (typeof KINDS)[keyof typeof KINDS]

/** A message as it stands on the wire: body and properties are not decoded yet. The buffers are views of the frame. */
export interface WireMessage {
  readonly kind: MessageKind
  /** As it is encoded; acknowledgements repeat it. */
  readonly messageId: Buffer
  readonly content: Buffer | null
  readonly marshalledProperties: Buffer | null
  readonly compressed: boolean
}

/** The kind of a message by its structure's type; `undefined` when it is no message. */
export function messageKind(type: number): MessageKind | undefined {
  return (KINDS as Readonly<Record<number, MessageKind>>)[type]
}

/** Reads the fields that all kinds of message share, as far as a consumer needs them. Throws OpenWireError. */
export function readMessage(kind: MessageKind, reader: ByteReader): WireMessage {
  reader.skip(4 + 1) // command id, response required
  skipProducerId(reader)
  skipDestination(reader)
  skipTransactionId(reader)
  skipDestination(reader) // the original one
  const messageId = readMessageId(reader)
  skipTransactionId(reader) // the original one
  skipString(reader) // group
  reader.skip(4) // group sequence
  skipString(reader) // correlation id
  reader.skip(1 + 8 + 1) // persistent, expiration, priority
  skipDestination(reader) // reply to
  reader.skip(8) // time stamp
  skipString(reader) // JMS type
  const content = reader.optionalBytes()
  const marshalledProperties = reader.optionalBytes()
  if (reader.boolean()) {
    // A command instead of a body, as the broker's own advisories carry: what it says is not for us.
    return { kind: 'plain', messageId, content: null, marshalledProperties, compressed: false }
  }
  skipConsumerId(reader) // target
  return { kind, messageId, content, marshalledProperties, compressed: reader.boolean() }
}
