const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const SEGMENT = /^[A-Za-z0-9_-]+$/
/** Bits of the last character that no byte takes part in, by the length modulo 4. A length of 4n + 1 encodes nothing. */
const SPARE_BITS: readonly (number | undefined)[] = [0, undefined, 0b1111, 0b11]

/**
 * The one spelling of what a segment encodes (RFC 4648 §5, unpadded), if it is spelt so already or has just the padding
 * that old WSO2 versions leave on. `undefined` for any other: decoders accept spare bits, white space and `+/` too, so one
 * valid token would have many spellings, and only one of them would be on the list.
 */
export function strictSegment(segment: string): string | undefined {
  const padding = segment.indexOf('=')
  const bare = padding < 0 ? segment : segment.slice(0, padding)
  if (!SEGMENT.test(bare)) return undefined
  if (padding >= 0 && segment !== bare.padEnd(Math.ceil(bare.length / 4) * 4, '=')) return undefined
  const spare = SPARE_BITS[bare.length & 3]
  if (spare === undefined || (ALPHABET.indexOf(bare.charAt(bare.length - 1)) & spare) !== 0) return undefined
  return bare
}

/**
 * The one spelling of whatever a lenient decoder would read: `+/`, padding and spare bits are put right.
 * `undefined` for what is no base64 at all.
 */
export function lenientSegment(segment: string): string | undefined {
  if (!/^[A-Za-z0-9_+/-]+={0,2}$/.test(segment) || segment.replace(/=+$/, '').length % 4 === 1) return undefined
  return Buffer.from(segment, 'base64url').toString('base64url')
}
