import { OpenWireError } from './error.js'
import type { ByteReader } from './reader.js'

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
export const skipString: Skip = (reader) => {
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

export const skipDestination: Skip = (reader) => skipNested(reader, DESTINATIONS)
export const skipProducerId: Skip = skipOnly(PRODUCER_ID)
export const skipConsumerId: Skip = skipOnly(CONSUMER_ID)
export const skipTransactionId: Skip = (reader) => skipNested(reader, [LOCAL_TRANSACTION_ID, XA_TRANSACTION_ID])

/** A message id as it is encoded, flag and type included, to be sent back as it came. A view, not a copy. */
export function readMessageId(reader: ByteReader): Buffer {
  const start = reader.position
  skipNested(reader, [MESSAGE_ID])
  return reader.since(start)
}
