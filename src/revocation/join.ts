import { ENTRY_WORDS, readRevokedBefore, SOURCE_BITS, SOURCE_MASK } from './entry.js'

/**
 * Joins what is known of an entry with what is learnt of it: kept until the later moment, learnt at the earlier one, and
 * of a rule revoked before the later one. So neither order nor repetition matters. The words of `from` name the same
 * fingerprint. Returns whether more is revoked, or for longer, than before.
 */
export function join(words: Uint32Array, at: number, from: Uint32Array, fromAt: number, width: number): boolean {
  const kept = words[at + 2] as number
  const fresh = kept === 0
  const grown = joinKept(words, at, from, fromAt, fresh)
  if (width < ENTRY_WORDS.rule || (!fresh && readRevokedBefore(from, fromAt) <= readRevokedBefore(words, at)))
    return grown
  words[at + 4] = from[fromAt + 4] as number
  words[at + 5] = from[fromAt + 5] as number
  return true
}

function joinKept(words: Uint32Array, at: number, from: Uint32Array, fromAt: number, fresh: boolean): boolean {
  const before = words[at + 2] as number
  const given = from[fromAt + 2] as number
  const units = Math.max(before >>> SOURCE_BITS, given >>> SOURCE_BITS)
  const first = fresh || isEarlier(from, fromAt, words, at) ? given : before
  words[at + 3] = fresh ? (from[fromAt + 3] as number) : Math.min(words[at + 3] as number, from[fromAt + 3] as number)
  words[at + 2] = ((units << SOURCE_BITS) | (first & SOURCE_MASK)) >>> 0
  return units > before >>> SOURCE_BITS
}

/** Learnt earlier, or at the same moment from a source with a smaller number. */
function isEarlier(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  const difference = (a[aAt + 3] as number) - (b[bAt + 3] as number)
  return (
    difference < 0 ||
    (difference === 0 && ((a[aAt + 2] as number) & SOURCE_MASK) < ((b[bAt + 2] as number) & SOURCE_MASK))
  )
}
