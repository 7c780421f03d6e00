import { crc32 } from 'node:zlib'
import { SEED_BYTES } from '../fingerprint.js'

/** The file's first bytes; the last of them is the format's version. docs/journal.md describes all of it. */
const MAGIC = Buffer.from('MGWJRNL\x01', 'latin1')
/** Magic, the fingerprints' seed, the checksum of both. */
export const HEADER_BYTES = MAGIC.length + SEED_BYTES + 4
/** Kind, length of the payload, checksum of kind, length and payload. */
const BLOCK_HEADER_BYTES = 1 + 4 + 4
/** No block is written larger; a length above it is damage, and is not believed. */
export const MAX_PAYLOAD = 1 << 20

/** What a block holds. The numbers are part of the format. */
export const BLOCK = { token: 1, rule: 2, inStep: 3, sources: 4, pending: 5, done: 6 } as const
export type BlockKind = keyof typeof BLOCK

export interface Block {
  readonly kind: BlockKind
  readonly payload: Buffer
}

const KIND_OF = new Map(Object.entries(BLOCK).map(([kind, number]) => [number as number, kind as BlockKind]))

export function encodeHeader(seed: Buffer): Buffer {
  const head = Buffer.concat([MAGIC, seed])
  return Buffer.concat([head, checksum(head)])
}

/** The seed of a file that begins so; `undefined` if it is no journal of this version, or damaged. */
export function decodeHeader(header: Buffer): Buffer | undefined {
  const head = header.subarray(0, HEADER_BYTES - 4)
  if (header.length < HEADER_BYTES || !head.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  if (!checksum(head).equals(header.subarray(HEADER_BYTES - 4, HEADER_BYTES))) return undefined
  return Buffer.from(head.subarray(MAGIC.length))
}

/** Throws a RangeError for a payload above {@link MAX_PAYLOAD}. */
export function encodeBlock(kind: BlockKind, payload: Uint8Array): Buffer {
  if (payload.length > MAX_PAYLOAD) throw new RangeError('a block of the journal is too large')
  const block = Buffer.alloc(BLOCK_HEADER_BYTES + payload.length)
  block.writeUInt8(BLOCK[kind], 0)
  block.writeUInt32LE(payload.length, 1)
  block.set(payload, BLOCK_HEADER_BYTES)
  block.writeUInt32LE(blockChecksum(block, payload.length), 5)
  return block
}

/**
 * Reads the block that begins at `at`.
 *
 * @returns the block and where the next one begins; `'more'` if `bytes` end before it does; `'damaged'` otherwise
 */
export function decodeBlock(bytes: Buffer, at: number): { block: Block; end: number } | 'more' | 'damaged' {
  if (bytes.length - at < BLOCK_HEADER_BYTES) return 'more'
  const kind = KIND_OF.get(bytes.readUInt8(at))
  const length = bytes.readUInt32LE(at + 1)
  if (kind === undefined || length > MAX_PAYLOAD) return 'damaged'
  const end = at + BLOCK_HEADER_BYTES + length
  if (end > bytes.length) return 'more'
  const block = bytes.subarray(at, end)
  if (block.readUInt32LE(5) !== blockChecksum(block, length)) return 'damaged'
  return { block: { kind, payload: Buffer.from(block.subarray(BLOCK_HEADER_BYTES)) }, end }
}

function blockChecksum(block: Buffer, length: number): number {
  const head = crc32(block.subarray(0, 5))
  return crc32(block.subarray(BLOCK_HEADER_BYTES, BLOCK_HEADER_BYTES + length), head)
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(bytes))
  return sum
}
