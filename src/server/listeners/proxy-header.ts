import { isIP } from 'node:net'

/** What the beginning of a connection says by the PROXY protocol. */
export type ProxyHeader =
  /** `length` bytes are the header. `address`: the client's; absent where the load balancer speaks for itself. */
  | { readonly kind: 'header'; readonly length: number; readonly address?: string }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed' }

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const FIXED_LENGTH = 16
/** Bytes of a header of version 1, its line end included. */
const MAX_LINE = 107
/** Bytes behind the fixed part of a header of version 2: addresses, and what clients' certificates say. */
const MAX_REST = 4_096
/** `TCP4` and `TCP6`: client, load balancer, and their ports. */
const LINE = /^PROXY TCP([46]) ([0-9A-Fa-f.:]{2,39}) ([0-9A-Fa-f.:]{2,39}) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/
const MAX_PORT = 65_535
const [INCOMPLETE, MALFORMED] = [{ kind: 'incomplete' }, { kind: 'malformed' }] as const

/** Most bytes that a header has. */
export const MAX_HEADER = FIXED_LENGTH + MAX_REST

/** Reads a header of version 1 or 2 (https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt). */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return INCOMPLETE
  if (bytes[0] === SIGNATURE[0]) return readBinary(bytes)
  return readLine(bytes)
}

function readLine(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, MAX_LINE).indexOf('\r\n')
  if (end === -1) {
    const begun = bytes.toString('latin1', 0, 6)
    return 'PROXY '.startsWith(begun) && bytes.length < MAX_LINE ? INCOMPLETE : MALFORMED
  }
  const length = end + 2
  const line = bytes.toString('latin1', 0, end)
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) return { kind: 'header', length }
  const [, family, client = '', own = '', ...ports] = LINE.exec(line) ?? []
  const isRight = isIP(client) === Number(family) && isIP(own) === Number(family)
  if (!isRight || ports.some((port) => Number(port) > MAX_PORT)) return MALFORMED
  return { kind: 'header', length, address: client }
}

function readBinary(bytes: Buffer): ProxyHeader {
  const signed = Math.min(bytes.length, SIGNATURE.length)
  if (!bytes.subarray(0, signed).equals(SIGNATURE.subarray(0, signed))) return MALFORMED
  if (bytes.length < FIXED_LENGTH) return INCOMPLETE
  const [command = 0, transport = 0] = bytes.subarray(SIGNATURE.length)
  const rest = bytes.readUInt16BE(SIGNATURE.length + 2)
  if (command !== 0x20 && command !== 0x21) return MALFORMED
  if (rest > MAX_REST || transport >> 4 > 3 || (transport & 0xf) > 2) return MALFORMED
  const length = FIXED_LENGTH + rest
  if (bytes.length < length) return INCOMPLETE
  // LOCAL: a health check of the load balancer. Of others than TCP over IP only the length counts.
  if (command === 0x20 || (transport !== 0x11 && transport !== 0x21)) return { kind: 'header', length }
  const addresses = bytes.subarray(FIXED_LENGTH, length)
  if (transport === 0x11) {
    return addresses.length < 12 ? MALFORMED : { kind: 'header', length, address: addresses.subarray(0, 4).join('.') }
  }
  if (addresses.length < 36) return MALFORMED
  const groups = Array.from({ length: 8 }, (_, i) => addresses.readUInt16BE(2 * i).toString(16))
  return { kind: 'header', length, address: new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1) }
}
