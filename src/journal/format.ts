import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { blocksOf, ENTRY_KINDS, type Entry, type EntryBlock } from '../revocation/index.js'
import { type ClaimSet, SEED_BYTES } from '../token/index.js'

/** The bytes of a journal's file, as docs/journal-format.md describes them. No I/O. */

const NAME = Buffer.from('MGWJRNL', 'latin1')
export const VERSION = 4
/** Version 2 knew no issuers and no rules about claims; what it has is as here. */
export const OLDEST_VERSION = 2
/** Version 3 kept the folded names of tokens among the others. */
export const FOLDED_AMONG_TOKENS = 3
/** The name, the version, the fingerprints' seed, the checksum of all. */
export const HEADER_BYTES = NAME.length + 1 + SEED_BYTES + 4
/** Kind, length of the payload, checksum of both, checksum of the payload. */
const BLOCK_HEADER_BYTES = 1 + 4 + 4 + 4
const LENGTH = 1
/** Covers kind and length alone: a damaged length must not look like a block that was cut short. */
const HEAD_CHECKSUM = 5
const PAYLOAD_CHECKSUM = 9
/** No block is written larger; a length above it is damage. */
const MAX_PAYLOAD = 1 << 20
/** Entries per `token` or `rule` block. */
const ENTRIES_PER_BLOCK = 4_096
/** A time, and {@link sourcesName}. */
const MARK_BYTES = 16
const SOURCES_NAME_BYTES = 8

/** What a block holds. The numbers are part of the format. */
const BLOCK = {
  token: 1,
  rule: 2,
  inSync: 3,
  sources: 4,
  pending: 5,
  done: 6,
  note: 7,
  generation: 8,
  issuerToken: 9,
  issuerRule: 10,
  claimsRule: 11,
  claimSets: 12,
  foldedToken: 13,
} as const
export type BlockKind = keyof typeof BLOCK

export interface Block {
  /** `undefined`: a kind that only a newer version knows. */
  readonly kind: BlockKind | undefined
  /** Its kind's number in the file. */
  readonly number: number
  readonly payload: Buffer
}

const ENTRIES: ReadonlySet<string> = new Set<EntryBlock['kind']>(ENTRY_KINDS)
const KIND_OF = new Map(Object.entries(BLOCK).map(([kind, number]) => [number as number, kind as BlockKind]))

export function encodeHeader(seed: Buffer): Buffer {
  const head = Buffer.concat([NAME, Buffer.of(VERSION), seed])
  return Buffer.concat([head, checksum(head)])
}

/** What a file's first bytes say. `repaired`: one bit had flipped. */
export type Header =
  | { readonly state: 'read'; readonly seed: Buffer; readonly version: number; readonly repaired: boolean }
  | { readonly state: 'version'; readonly version: number }
  | { readonly state: 'damaged' }

/** Reads a header; a single flipped bit is repaired, because the checksum leaves no doubt which one it is. */
export function decodeHeader(header: Buffer): Header {
  if (header.length < HEADER_BYTES) return { state: 'damaged' }
  const read = readHeader(header)
  if (read !== undefined) return { state: 'read', ...read, repaired: false }
  const copy = Buffer.from(header.subarray(0, HEADER_BYTES))
  for (let bit = 0; bit < HEADER_BYTES * 8; bit++) {
    flip(copy, bit)
    const repaired = readHeader(copy)
    if (repaired !== undefined) return { state: 'read', ...repaired, repaired: true }
    flip(copy, bit)
  }
  const version = header.readUInt8(NAME.length)
  const isAnother = header.subarray(0, NAME.length).equals(NAME) && !isReadable(version)
  return isAnother ? { state: 'version', version } : { state: 'damaged' }
}

function readHeader(header: Buffer): { seed: Buffer; version: number } | undefined {
  const head = header.subarray(0, HEADER_BYTES - 4)
  const version = head.readUInt8(NAME.length)
  if (!head.subarray(0, NAME.length).equals(NAME) || !isReadable(version)) return undefined
  if (!checksum(head).equals(header.subarray(HEADER_BYTES - 4, HEADER_BYTES))) return undefined
  return { seed: Buffer.from(head.subarray(NAME.length + 1)), version }
}

function isReadable(version: number): boolean {
  return version >= OLDEST_VERSION && version <= VERSION
}

function flip(bytes: Buffer, bit: number): void {
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
}

/** Throws a RangeError for a payload above {@link MAX_PAYLOAD}. */
export function encodeBlock(kind: BlockKind, payload: Uint8Array): Buffer {
  return encodeNumbered(BLOCK[kind], payload)
}

/** As {@link encodeBlock}, for a kind that only a newer version may know. */
export function encodeNumbered(number: number, payload: Uint8Array): Buffer {
  if (payload.length > MAX_PAYLOAD) throw new RangeError('journal block too large')
  const block = Buffer.alloc(BLOCK_HEADER_BYTES + payload.length)
  block.writeUInt8(number, 0)
  block.writeUInt32LE(payload.length, LENGTH)
  block.writeUInt32LE(crc32(block.subarray(0, HEAD_CHECKSUM)), HEAD_CHECKSUM)
  block.writeUInt32LE(crc32(payload), PAYLOAD_CHECKSUM)
  block.set(payload, BLOCK_HEADER_BYTES)
  return block
}

/**
 * Reads the block at `at`.
 *
 * @returns the block, `undefined` if its payload is damaged, and where the next one begins; `'more'` if `bytes` end within
 *   it; `'damaged'` if no block begins there
 */
export function decodeBlock(bytes: Buffer, at: number): { block: Block | undefined; end: number } | 'more' | 'damaged' {
  if (bytes.length - at < BLOCK_HEADER_BYTES) return 'more'
  if (!beginsBlock(bytes, at)) return 'damaged'
  const end = at + BLOCK_HEADER_BYTES + bytes.readUInt32LE(at + LENGTH)
  if (end > bytes.length) return 'more'
  const payload = bytes.subarray(at + BLOCK_HEADER_BYTES, end)
  if (bytes.readUInt32LE(at + PAYLOAD_CHECKSUM) !== crc32(payload)) return { block: undefined, end }
  const number = bytes.readUInt8(at)
  return { block: { kind: KIND_OF.get(number), number, payload: Buffer.from(payload) }, end }
}

/** Where the first block with an intact head begins, at `at` or later; without one, where to continue once more is read. */
export function findBlock(bytes: Buffer, at: number): number {
  const last = bytes.length - BLOCK_HEADER_BYTES
  let from = at
  while (from <= last && !beginsBlock(bytes, from)) from++
  return from
}

/** The blocks of entries, in their order within a kind. */
export function entryBlocks(entries: readonly Entry[], claimSets: readonly ClaimSet[]): Buffer[] {
  return blocksOf(entries, ENTRIES_PER_BLOCK).flatMap((block) => entryBlock(block, claimSets))
}

/** A block of entries. In front of rules about claims stand the sets of names: without them no rule would be looked up. */
export function entryBlock({ kind, bytes }: EntryBlock, claimSets: readonly ClaimSet[]): Buffer[] {
  const names = kind === 'claimsRule' ? [encodeBlock('claimSets', Buffer.from(JSON.stringify(claimSets)))] : []
  return [...names, encodeBlock(kind, bytes)]
}

/** Whether a block holds entries. */
export function isEntries(kind: BlockKind): kind is EntryBlock['kind'] {
  return ENTRIES.has(kind)
}

/** States that at `at` (epoch ms) the list held all that the sources of this name knew. */
export interface InSyncMark {
  readonly at: number
  /** {@link sourcesName} */
  readonly sources: Buffer
}

/** What marks call a set of sources, in a file with this seed. */
export function sourcesName(seed: Buffer, sources: string): Buffer {
  return createHash('sha256').update(seed).update(sources).digest().subarray(0, SOURCES_NAME_BYTES)
}

/** The block of a mark. It must follow all entries of its moment: a file that ends before some of them ends before it, too. */
export function markBlock(mark: InSyncMark): Buffer {
  const payload = Buffer.alloc(MARK_BYTES)
  payload.writeDoubleLE(mark.at)
  mark.sources.copy(payload, 8)
  return encodeBlock('inSync', payload)
}

/** The mark in a block's payload; `undefined` if it cannot be read. */
export function readMark(payload: Buffer): InSyncMark | undefined {
  return payload.length === MARK_BYTES ? { at: payload.readDoubleLE(), sources: payload.subarray(8) } : undefined
}

function beginsBlock(bytes: Buffer, at: number): boolean {
  // The cheap checks come first: a search asks at every byte.
  if (bytes[at + LENGTH + 3] !== 0 || bytes[at] === 0) return false
  if (bytes.readUInt32LE(at + LENGTH) > MAX_PAYLOAD) return false
  return bytes.readUInt32LE(at + HEAD_CHECKSUM) === crc32(bytes.subarray(at, at + HEAD_CHECKSUM))
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(bytes))
  return sum
}
