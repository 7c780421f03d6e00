import { isAscii } from 'node:buffer'
import { OpenWireError } from './error.js'

/** `String.fromCharCode` takes its arguments from the stack, hence in portions. */
const PORTION = 4096

/**
 * Decodes Java's modified UTF-8 (java.io.DataInput): NUL in two bytes, and each half of a surrogate pair on its own.
 * Plain UTF-8's four-byte sequences are taken too: ActiveMQ passes the text of STOMP publishers through unchanged.
 */
export function decodeModifiedUtf8(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString('latin1')
  let text = ''
  let units: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] ?? 0
    const length = sequenceLength(lead)
    if (length === 1) {
      units.push(lead)
    } else {
      let point = lead & (0xff >> (length + 1))
      for (let i = 1; i < length; i++) point = (point << 6) | continuation(bytes, at + i)
      pushPoint(units, point)
    }
    at += length
    if (units.length >= PORTION) {
      text += String.fromCharCode(...units)
      units = []
    }
  }
  return text + String.fromCharCode(...units)
}

/** Encodes to modified UTF-8, without a length. */
export function encodeModifiedUtf8(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(text.length * 3)
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0 && unit < 0x80) {
      bytes[at++] = unit
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6)
      bytes[at++] = 0x80 | (unit & 0x3f)
    } else {
      bytes[at++] = 0xe0 | (unit >> 12)
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f)
      bytes[at++] = 0x80 | (unit & 0x3f)
    }
  }
  return bytes.subarray(0, at)
}

function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1
  if (lead >= 0xc0 && lead < 0xe0) return 2
  if (lead >= 0xe0 && lead < 0xf0) return 3
  if (lead >= 0xf0 && lead < 0xf8) return 4
  throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a string is not modified UTF-8')
}

function continuation(bytes: Buffer, at: number): number {
  const byte = bytes[at] ?? 0
  if ((byte & 0xc0) !== 0x80) throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a string is not modified UTF-8')
  return byte & 0x3f
}

function pushPoint(units: number[], point: number): void {
  if (point < 0x10000) {
    units.push(point)
  } else if (point < 0x110000) {
    units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff))
  } else {
    throw new OpenWireError('ERR_OPENWIRE_MALFORMED', 'a string is not modified UTF-8')
  }
}
