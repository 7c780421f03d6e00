/** A key of 64 bits: its two little-endian words. */
export interface SipKey {
  readonly k0: number
  readonly k1: number
}

/**
 * HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein's reference) of a text's UTF-8 bytes.
 * Of the keyed hashes it is the one that works on 32-bit words, as JavaScript's integers do.
 *
 * @returns the output's first word as `hi`, its second as `lo`, both signed
 */
export function halfSipHash(key: SipKey, text: string): { hi: number; lo: number } {
  return isAscii(text) ? hashBytes(key, text) : hashBytes(key, Buffer.from(text, 'utf8').toString('latin1'))
}

/** Hashes bytes, given as a latin1 string. */
export function hashBytes({ k0, k1 }: SipKey, bytes: string): { hi: number; lo: number } {
  const words = bytes.length >>> 2
  let v0 = k0
  let v1 = k1 ^ 0xee
  let v2 = 0x6c796765 ^ k0
  let v3 = 0x74656462 ^ k1
  let hi = 0
  // One step is two rounds around a word. The finalisation's rounds are steps around a word of zeros.
  for (let step = 0; step < words + 5; step++) {
    let word = 0
    if (step < words) word = wordAt(bytes, step << 2)
    else if (step === words) word = lastWord(bytes)
    else if (step === words + 1) v2 ^= 0xee
    else if (step === words + 3) {
      hi = v1 ^ v3
      v1 ^= 0xdd
    }
    v3 ^= word
    for (let round = 0; round < 2; round++) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    v0 ^= word
  }
  return { hi, lo: v1 ^ v3 }
}

function isAscii(text: string): boolean {
  let seen = 0
  for (let i = 0; i < text.length; i++) seen |= text.charCodeAt(i)
  return seen < 0x80
}

function wordAt(bytes: string, at: number): number {
  return (
    bytes.charCodeAt(at) |
    (bytes.charCodeAt(at + 1) << 8) |
    (bytes.charCodeAt(at + 2) << 16) |
    (bytes.charCodeAt(at + 3) << 24)
  )
}

/** The bytes after the last whole word, with the length (modulo 256) in the top byte. */
function lastWord(bytes: string): number {
  const length = bytes.length
  let word = length << 24
  for (let i = length & ~3; i < length; i++) word |= bytes.charCodeAt(i) << ((i & 3) << 3)
  return word
}
