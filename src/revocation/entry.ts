import { endianness } from 'node:os'
import type { Fingerprint } from '../token/index.js'

/**
 * The kinds of entries, each in a table of its own.
 * - `token`, `rule`: of any issuer
 * - `issuerToken`, `issuerRule`: of one issuer, which the fingerprint covers; a rule about a whole issuer is an `issuerRule`
 * - `foldedToken`: of any issuer or of one, by the name that an opaque token shares with its other spellings
 * - `claimsRule`: about the values of claims
 */
export const ENTRY_KINDS = ['token', 'issuerToken', 'foldedToken', 'rule', 'issuerRule', 'claimsRule'] as const
export type EntryKind = (typeof ENTRY_KINDS)[number]

/** A revoked token, in the form that the list, the journal and the workers share. */
export interface TokenEntry extends Fingerprint {
  readonly kind: 'token' | 'issuerToken' | 'foldedToken'
  /** Epoch ms; exact to {@link KEPT_UNIT}, rounded up. */
  readonly keptUntil: number
  /** Epoch ms, exact to a second. */
  readonly learntAt: number
  /** Index of the source that delivered it first. */
  readonly source: number
}

/** A revoked subject, client, session, issuer or set of claims; the fingerprint covers which of them it is. */
export interface RuleEntry extends Omit<TokenEntry, 'kind'> {
  readonly kind: 'rule' | 'issuerRule' | 'claimsRule'
  /** Epoch ms: tokens issued before are revoked. */
  readonly revokedBefore: number
}

export type Entry = TokenEntry | RuleEntry

function isTokenEntry(entry: Entry): entry is TokenEntry {
  return isTokenKind(entry.kind)
}

function isTokenKind(kind: EntryKind): kind is TokenEntry['kind'] {
  return kind === 'token' || kind === 'issuerToken' || kind === 'foldedToken'
}

/** Entries of one kind in binary form, back to back. */
export interface EntryBlock {
  readonly kind: EntryKind
  readonly bytes: Uint8Array
}

/**
 * Words (32 bits, little-endian) of an entry:
 * 0 and 1: fingerprint, high and low; 2: kept until (26 bits, in units of 64 s) and source (6 bits); 3: learnt at (s);
 * and of a rule 4 and 5: revoked before (ms), high and low.
 */
export const ENTRY_WORDS: Readonly<Record<EntryKind, number>> = {
  token: 4,
  issuerToken: 4,
  foldedToken: 4,
  rule: 6,
  issuerRule: 6,
  claimsRule: 6,
}
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
function packLearnt(learntAt: number): number {
  return Math.min(LAST_SECOND, Math.max(0, Math.floor(learntAt / 1000)))
}

/** The unit that contains `now` (epoch ms): entries kept until this unit or an earlier one have expired. */
export function unitOf(now: number): number {
  return Math.floor(now / KEPT_UNIT)
}

/** The unit until whose end an entry is kept, from its word 2. */
export function keptUnit(word: number): number {
  return word >>> SOURCE_BITS
}

/** Whether this is the last unit that an entry can hold: it stands for all later ones, so it never expires. */
export function isLastUnit(unit: number): boolean {
  return unit === LAST_UNIT
}

/** Writes an entry's words. */
export function writeEntry(entry: Entry, words: Uint32Array, at: number): void {
  words[at] = entry.hi
  words[at + 1] = entry.lo
  words[at + 2] = packKept(entry.keptUntil, entry.source)
  words[at + 3] = packLearnt(entry.learntAt)
  if (isTokenEntry(entry)) return
  const moment = Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.ceil(entry.revokedBefore) || 0))
  words[at + 4] = Math.floor(moment / WORD)
  words[at + 5] = moment % WORD
}

/** Epoch ms: words 4 and 5 of a rule's entry. */
export function readRevokedBefore(words: Uint32Array, at: number): number {
  return (words[at + 4] as number) * WORD + (words[at + 5] as number)
}

/** Reads the entry whose words begin at `at`. */
export function readEntry(kind: EntryKind, words: Uint32Array, at: number): Entry {
  const word = (index: number) => words[at + index] as number
  const entry = {
    hi: word(0) | 0,
    lo: word(1) | 0,
    keptUntil: (word(2) >>> SOURCE_BITS) * KEPT_UNIT,
    source: word(2) & SOURCE_MASK,
    learntAt: word(3) * 1000,
  }
  if (isTokenKind(kind)) return { kind, ...entry }
  return { kind, ...entry, revokedBefore: readRevokedBefore(words, at) }
}

/** The binary form of entries of one kind. */
export function encodeEntries(kind: EntryKind, entries: readonly Entry[]): EntryBlock {
  const width = ENTRY_WORDS[kind]
  const words = new Uint32Array(entries.length * width)
  entries.forEach((entry, i) => {
    writeEntry(entry, words, i * width)
  })
  return { kind, bytes: toBytes(words) }
}

/** The blocks of entries, each of at most `most`, in their order within a kind. */
export function blocksOf(entries: readonly Entry[], most: number): EntryBlock[] {
  return ENTRY_KINDS.flatMap((kind) => {
    const ofKind = entries.filter((entry) => entry.kind === kind)
    const blocks: EntryBlock[] = []
    for (let at = 0; at < ofKind.length; at += most) blocks.push(encodeEntries(kind, ofKind.slice(at, at + most)))
    return blocks
  })
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

/** The words of little-endian bytes: a copy, unless they are aligned already. Drops bytes after the last whole word. */
export function toWords(bytes: Uint8Array): Uint32Array {
  const length = bytes.length >>> 2
  const aligned = endianness() === 'LE' && bytes.byteOffset % 4 === 0
  if (aligned) return new Uint32Array(bytes.buffer, bytes.byteOffset, length)
  const copy = Buffer.from(new Uint8Array(bytes.subarray(0, length * 4)).buffer)
  if (endianness() !== 'LE') copy.swap32()
  return new Uint32Array(copy.buffer, copy.byteOffset, length)
}

/**
 * Joins another copy of an entry into this one: the later "kept until", the earlier "learnt at", and for a rule the later
 * "revoked before". So neither order nor repetition matters. Both must have the same fingerprint. Returns whether more is
 * revoked, or for longer, than before.
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

/** Learnt earlier, or at the same time from a source with a smaller index. */
function isEarlier(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  const difference = (a[aAt + 3] as number) - (b[bAt + 3] as number)
  return (
    difference < 0 ||
    (difference === 0 && ((a[aAt + 2] as number) & SOURCE_MASK) < ((b[bAt + 2] as number) & SOURCE_MASK))
  )
}
