import { OpenWireError } from './error.js'
import { messageKind, readMessage, type WireMessage } from './message.js'
import { ByteReader } from './reader.js'
import { skipConsumerId, skipDestination } from './structures.js'
import { WIRE_FORMAT_INFO } from './wire-format.js'

/** What a broker sends to a consumer. `ignored`: it means nothing to a consumer (BrokerInfo, ...). */
export type Received =
  | { readonly kind: 'keep-alive'; readonly responseRequired: boolean }
  | { readonly kind: 'response'; readonly correlationId: number }
  /** `exception` is the Java class's name; its message is dropped, for it may name users. */
  | { readonly kind: 'exception'; readonly correlationId: number; readonly exception: string }
  /** A message, or with `undefined` the end of a browse or pull. */
  | { readonly kind: 'dispatch'; readonly message: WireMessage | undefined }
  | { readonly kind: 'connection-error'; readonly exception: string }
  | { readonly kind: 'closing' }
  | { readonly kind: 'ignored' }

const JAVA_CLASS = /^[\w$]+(\.[\w$]+){0,20}$/
const LONGEST_CLASS = 200

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
    case 21: // MessageDispatch
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

function readDispatch(reader: ByteReader): WireMessage | undefined {
  skipConsumerId(reader)
  skipDestination(reader)
  if (!reader.boolean()) return undefined
  const kind = messageKind(reader.uint8())
  if (kind === undefined) throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a dispatch holds no message')
  return readMessage(kind, reader)
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
