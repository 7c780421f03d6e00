import { OpenWireError } from './error.js'
import type { ByteReader } from './reader.js'

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
  const size = reader.int32() // −1 stands for no map
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
