import { endianness } from 'node:os'
import type { Fingerprint } from '../token/index.js'

/** A revoked token, as the list holds it, the journal keeps it and workers are told of it. */
export interface TokenEntry extends Fingerprint {
  readonly kind: 'token'
  /** Epoch ms; exact to {@link KEPT_UNIT}, rounded up. */
  readonly keptUntil: number
  /** Epoch ms, exact to a second. */
  readonly learntAt: number
  /** Index of the source that it was learnt from first. */
  readonly source: number
}

/** A revoked subject, client or session: its fingerprint says which of them. */
export interface RuleEntry extends Omit<TokenEntry, 'kind'> {
  readonly kind: 'rule'
  /** Epoch ms: what was issued before is revoked. */
  readonly revokedBefore: number
}

export type Entry = TokenEntry | RuleEntry

/** Entries of one kind in their binary form, one after the other. */
export interface EntryBlock {
  readonly kind: Entry['kind']
  readonly bytes: Uint8Array
}

/**
 * Words (32 bits, little-endian) of an entry:
 * 0 and 1: fingerprint, high and low; 2: kept until (26 bits, in units of 64 s) and source (6 bits); 3: learnt at (s);
 * and of a rule 4 and 5: revoked before (ms), high and low.
 */
export const ENTRY_WORDS: Readonly<Record<Entry['kind'], number>> = { token: 4, rule: 6 }
/** Milliseconds. */
export const KEPT_UNIT = 64_000
export const SOURCE_BITS = 6
export const SOURCE_MASK = 2 ** SOURCE_BITS - 1

const LAST_UNIT = 2 ** (32 - SOURCE_BITS) - 1
const LAST_SECOND = 2 ** 32 - 1
const WORD = 2 ** 32

/** Word 2 of an entry. Rounds up: an entry must never end early. Never 0, which marks an empty slot. */
export function packKept(keptUntil: number, source: number): number {
  const units = Math.min(LAST_UNIT, Math.max(1, Math.ceil(keptUntil / KEPT_UNIT)))
  return ((units << SOURCE_BITS) | source) >>> 0
}

/** Word 3 of an entry. */
export function packLearnt(learntAt: number): number {
  return Math.min(LAST_SECOND, Math.max(0, Math.floor(learntAt / 1000)))
}

/** The unit in which `now` (epoch ms) lies: entries that are kept until this one or an earlier one have expired. */
export function unitOf(now: number): number {
  return Math.floor(now / KEPT_UNIT)
}

/** The unit until whose end an entry is kept, of its word 2. */
export function keptUnit(word: number): number {
  return word >>> SOURCE_BITS
}

/** Whether this unit stands for all that are later than an entry can say: nobody knows when it ends. */
export function isLastUnit(unit: number): boolean {
  return unit === LAST_UNIT
}

/** Writes an entry's words. */
export function writeEntry(entry: Entry, words: Uint32Array, at: number): void {
  words[at] = entry.hi
  words[at + 1] = entry.lo
  words[at + 2] = packKept(entry.keptUntil, entry.source)
  words[at + 3] = packLearnt(entry.learntAt)
  if (entry.kind === 'token') return
  const moment = Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.ceil(entry.revokedBefore) || 0))
  words[at + 4] = Math.floor(moment / WORD)
  words[at + 5] = moment % WORD
}

/** Epoch ms: words 4 and 5 of a rule's entry. */
export function readRevokedBefore(words: Uint32Array, at: number): number {
  return (words[at + 4] as number) * WORD + (words[at + 5] as number)
}

/** Reads the entry whose words begin at `at`. */
export function readEntry(kind: Entry['kind'], words: Uint32Array, at: number): Entry {
  const word = (index: number) => words[at + index] as number
  const entry = {
    hi: word(0) | 0,
    lo: word(1) | 0,
    keptUntil: (word(2) >>> SOURCE_BITS) * KEPT_UNIT,
    source: word(2) & SOURCE_MASK,
    learntAt: word(3) * 1000,
  }
  return kind === 'token' ? { kind, ...entry } : { kind, ...entry, revokedBefore: readRevokedBefore(words, at) }
}

/** The binary form of entries of one kind. */
export function encodeEntries(kind: Entry['kind'], entries: readonly Entry[]): EntryBlock {
  const width = ENTRY_WORDS[kind]
  const words = new Uint32Array(entries.length * width)
  entries.forEach((entry, i) => {
    writeEntry(entry, words, i * width)
  })
  return { kind, bytes: toBytes(words) }
}

/** The entries of a block. */
export function* decodeEntries({ kind, bytes }: EntryBlock): Generator<Entry> {
  const words = toWords(bytes)
  const width = ENTRY_WORDS[kind]
  for (let at = 0; at + width <= words.length; at += width) yield readEntry(kind, words, at)
}

/** Little-endian bytes of words; they share memory where the machine's order allows it. */
export function toBytes(words: Uint32Array): Uint8Array {
  const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength)
  return endianness() === 'LE' ? bytes : Buffer.from(bytes).swap32()
}

/** The words of little-endian bytes: a copy, unless they are aligned already. Bytes beyond the last whole word are left out. */
export function toWords(bytes: Uint8Array): Uint32Array {
  const length = bytes.length >>> 2
  const aligned = endianness() === 'LE' && bytes.byteOffset % 4 === 0
  if (aligned) return new Uint32Array(bytes.buffer, bytes.byteOffset, length)
  const copy = Buffer.from(new Uint8Array(bytes.subarray(0, length * 4)).buffer)
  if (endianness() !== 'LE') copy.swap32()
  return new Uint32Array(copy.buffer, copy.byteOffset, length)
}
