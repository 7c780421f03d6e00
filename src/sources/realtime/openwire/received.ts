import { OpenWireError } from './error.js'
import { ByteReader } from './reader.js'
import { WIRE_FORMAT_INFO } from './wire-format.js'

/** What a broker sends to a consumer. `ignored`: it means nothing to a consumer (BrokerInfo, ...). */
export type Received =
  | { readonly kind: 'keep-alive'; readonly responseRequired: boolean }
  | { readonly kind: 'response'; readonly correlationId: number }
  /** `exception` is the Java class's name; its message is dropped, for it may name users. */
  | { readonly kind: 'exception'; readonly correlationId: number; readonly exception: string }
  /** A message, or with `undefined` the end of a browse or pull. */
  | { readonly kind: 'dispatch'; readonly message: WireMessage | undefined }
  | { readonly kind: 'too-long'; readonly message: LongMessage }
  | { readonly kind: 'connection-error'; readonly exception: string }
  | { readonly kind: 'closing' }
  | { readonly kind: 'ignored' }

const JAVA_CLASS = /^[\w$]+(\.[\w$]+){0,20}$/
const LONGEST_CLASS = 200
const MESSAGE_DISPATCH = 21

/** Decodes a frame without its size. Throws OpenWireError for what a broker would not send to a consumer. */
export function decodeReceived(frame: Buffer): Received {
  const reader = new ByteReader(frame)
  const type = reader.uint8()
  if (type === WIRE_FORMAT_INFO) return { kind: 'ignored' }
  reader.skip(4) // command id
  const responseRequired = reader.boolean()
  switch (type) {
    case 10: // KeepAliveInfo
      return { kind: 'keep-alive', responseRequired }
    case 11: // ShutdownInfo
      return { kind: 'closing' }
    case 16: // ConnectionError
      return { kind: 'connection-error', exception: readThrowable(reader) }
    case 17: // ConsumerControl
      return readConsumerControl(reader)
    case 18: // ConnectionControl: its first two flags are close and exit
      return { kind: reader.boolean() || reader.boolean() ? 'closing' : 'ignored' }
    case MESSAGE_DISPATCH:
      return { kind: 'dispatch', message: readDispatch(reader) }
    case 30: // Response
    case 32: // DataResponse
    case 33: // DataArrayResponse
    case 34: // IntegerResponse
      return { kind: 'response', correlationId: reader.int32() }
    case 31: // ExceptionResponse
      return { kind: 'exception', correlationId: reader.int32(), exception: readThrowable(reader) }
    case 2: // BrokerInfo
    case 14: // ControlCommand
    case 19: // ProducerAck
      return { kind: 'ignored' }
    default:
      throw new OpenWireError('ERR_OPENWIRE_UNKNOWN_COMMAND', `type ${type}`)
  }
}

/**
 * Decodes the beginning of a frame that was too long to be kept: that of a message, as far as it takes to acknowledge it.
 * Throws OpenWireError for anything else.
 */
export function decodeLong(start: Buffer): Extract<Received, { kind: 'too-long' }> {
  const reader = new ByteReader(start)
  const type = reader.uint8()
  if (type !== MESSAGE_DISPATCH) throw new OpenWireError('ERR_OPENWIRE_FRAME_TOO_LONG', `a command of type ${type}`)
  reader.skip(4 + 1) // command id, response required
  if (readDispatchedKind(reader) === undefined) throw new OpenWireError('ERR_OPENWIRE_FRAME_TOO_LONG')
  return { kind: 'too-long', message: { messageId: Buffer.from(readUpToMessageId(reader)) } }
}

function readDispatch(reader: ByteReader): WireMessage | undefined {
  const kind = readDispatchedKind(reader)
  return kind === undefined ? undefined : readMessage(kind, reader)
}

/** Reads a dispatch up to its message; `undefined` when there is none in it. */
function readDispatchedKind(reader: ByteReader): MessageKind | undefined {
  skipConsumerId(reader)
  skipDestination(reader)
  if (!reader.boolean()) return undefined
  const kind = messageKind(reader.uint8())
  if (kind === undefined) throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a dispatch holds no message')
  return kind
}

/** The broker may end one consumer, say when its topic is removed. There is only ours on the connection. */
function readConsumerControl(reader: ByteReader): Received {
  skipDestination(reader)
  return { kind: reader.boolean() ? 'closing' : 'ignored' }
}

function readThrowable(reader: ByteReader): string {
  const name = reader.boolean() ? reader.optionalUtf() : null
  return name !== null && name.length <= LONGEST_CLASS && JAVA_CLASS.test(name) ? name : 'an exception'
}

const KINDS = { 23: 'plain', 24: 'bytes', 25: 'map', 26: 'object', 27: 'stream', 28: 'text', 29: 'blob' } as const

type MessageKind = (typeof KINDS)[keyof typeof KINDS]

/** A message as it is on the wire: body and properties are not decoded yet. The buffers are views of the frame. */
export interface WireMessage {
  readonly kind: MessageKind
  /** As it is encoded; acknowledgements repeat it. */
  readonly messageId: Buffer
  readonly content: Buffer | null
  readonly marshalledProperties: Buffer | null
  readonly compressed: boolean
  /** When it was sent, epoch ms; 0 if the publisher left that out. */
  readonly timestamp: number | bigint
}

/** A message that was passed over, as far as acknowledging it needs. */
export type LongMessage = Pick<WireMessage, 'messageId'>

/** What a consumer is told of, in the order of the wire. Must not throw. */
export interface MessageListener {
  message(message: WireMessage): void
  tooLong(message: LongMessage): void
}

/** The kind of a message by its structure's type; `undefined` when it is no message. */
function messageKind(type: number): MessageKind | undefined {
  return (KINDS as Readonly<Record<number, MessageKind>>)[type]
}

/** Reads the fields that all kinds of message share, as far as a consumer needs them. Throws OpenWireError. */
export function readMessage(kind: MessageKind, reader: ByteReader): WireMessage {
  const messageId = readUpToMessageId(reader)
  skipTransactionId(reader) // the original one
  skipString(reader) // group
  reader.skip(4) // group sequence
  skipString(reader) // correlation id
  reader.skip(1 + 8 + 1) // persistent, expiration, priority
  skipDestination(reader) // reply to
  const timestamp = reader.int64()
  skipString(reader) // JMS type
  const content = reader.optionalBytes()
  const marshalledProperties = reader.optionalBytes()
  if (reader.boolean()) {
    // A command instead of a body, as the broker's own advisories carry: ignored.
    return { kind: 'plain', messageId, content: null, marshalledProperties, compressed: false, timestamp }
  }
  skipConsumerId(reader) // target
  return { kind, messageId, content, marshalledProperties, compressed: reader.boolean(), timestamp }
}

function readUpToMessageId(reader: ByteReader): Buffer {
  reader.skip(4 + 1) // command id, response required
  skipProducerId(reader)
  skipDestination(reader)
  skipTransactionId(reader)
  skipDestination(reader) // the original one
  return readMessageId(reader)
}

const MESSAGE_ID = 110
const LOCAL_TRANSACTION_ID = 111
const XA_TRANSACTION_ID = 112
const CONNECTION_ID = 120
const CONSUMER_ID = 122
const PRODUCER_ID = 123
/** Queue, topic, temporary queue, temporary topic: a physical name each. */
const DESTINATIONS = [100, 101, 102, 103]

type Skip = (reader: ByteReader) => void

/** Goes past a string: a flag whether there is one, a two-byte length. */
const skipString: Skip = (reader) => {
  if (reader.boolean()) reader.skip(reader.uint16())
}
const skipBytes: Skip = (reader) => {
  reader.optionalBytes()
}
const skipLong: Skip = (reader) => reader.skip(8)
const skipInt: Skip = (reader) => reader.skip(4)
/** Structures nest by their declared types only: free nesting would let a broker exhaust the stack. */
const skipOnly =
  (type: number): Skip =>
  (reader) =>
    skipNested(reader, [type])

/** The loose encoding of the structures that may stand inside what a consumer receives, field by field. */
const FIELDS: ReadonlyMap<number, readonly Skip[]> = new Map<number, readonly Skip[]>([
  ...DESTINATIONS.map((type): [number, readonly Skip[]] => [type, [skipString]]),
  [MESSAGE_ID, [skipString, skipOnly(PRODUCER_ID), skipLong, skipLong]],
  [LOCAL_TRANSACTION_ID, [skipLong, skipOnly(CONNECTION_ID)]],
  [XA_TRANSACTION_ID, [skipInt, skipBytes, skipBytes]],
  [CONNECTION_ID, [skipString]],
  [CONSUMER_ID, [skipString, skipLong, skipLong]],
  [PRODUCER_ID, [skipString, skipLong, skipLong]],
])

function skipNested(reader: ByteReader, types: readonly number[]): void {
  if (!reader.boolean()) return
  const type = reader.uint8()
  const fields = types.includes(type) ? FIELDS.get(type) : undefined
  if (fields === undefined) throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a structure has an unexpected type')
  for (const skip of fields) skip(reader)
}

const skipDestination: Skip = (reader) => skipNested(reader, DESTINATIONS)
const skipProducerId: Skip = skipOnly(PRODUCER_ID)
const skipConsumerId: Skip = skipOnly(CONSUMER_ID)
const skipTransactionId: Skip = (reader) => skipNested(reader, [LOCAL_TRANSACTION_ID, XA_TRANSACTION_ID])

/** A message id as it is encoded, flag and type included, to be sent back as it came. A view, not a copy. */
function readMessageId(reader: ByteReader): Buffer {
  const start = reader.position
  skipNested(reader, [MESSAGE_ID])
  return reader.since(start)
}
