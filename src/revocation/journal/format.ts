import { crc32 } from 'node:zlib'
import { SEED_BYTES } from '../fingerprint.js'

/** The file's first bytes; the last of them is the format's version. docs/journal.md describes all of it. */
const MAGIC = Buffer.from('MGWJRNL\x02', 'latin1')
/** Magic, the fingerprints' seed, the checksum of both. */
export const HEADER_BYTES = MAGIC.length + SEED_BYTES + 4
/** Kind, length of the payload, checksum of both, checksum of the payload. */
const BLOCK_HEADER_BYTES = 1 + 4 + 4 + 4
const LENGTH = 1
/** Of its own: a length that is damaged must not pass for the one of a block that was cut short. */
const HEAD_CHECKSUM = 5
const PAYLOAD_CHECKSUM = 9
/** No block is written larger; a length above it is damage, and is not believed. */
export const MAX_PAYLOAD = 1 << 20

/** What a block holds. The numbers are part of the format. */
export const BLOCK = { token: 1, rule: 2, inStep: 3, sources: 4, pending: 5, done: 6, note: 7 } as const
export type BlockKind = keyof typeof BLOCK

export interface Block {
  /** `undefined`: whole, but of a newer version. */
  readonly kind: BlockKind | undefined
  /** The kind's number in the file. */
  readonly number: number
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
  return encodeNumbered(BLOCK[kind], payload)
}

/** As {@link encodeBlock}, for a block whose kind may be a newer version's. */
export function encodeNumbered(number: number, payload: Uint8Array): Buffer {
  if (payload.length > MAX_PAYLOAD) throw new RangeError('a block of the journal is too large')
  const block = Buffer.alloc(BLOCK_HEADER_BYTES + payload.length)
  block.writeUInt8(number, 0)
  block.writeUInt32LE(payload.length, LENGTH)
  block.writeUInt32LE(crc32(block.subarray(0, HEAD_CHECKSUM)), HEAD_CHECKSUM)
  block.writeUInt32LE(crc32(payload), PAYLOAD_CHECKSUM)
  block.set(payload, BLOCK_HEADER_BYTES)
  return block
}

/**
 * Reads the block that begins at `at`.
 *
 * @returns the block and where the next one begins; `'more'` if `bytes` end before it does; `'damaged'` otherwise
 */
export function decodeBlock(bytes: Buffer, at: number): { block: Block; end: number } | 'more' | 'damaged' {
  if (bytes.length - at < BLOCK_HEADER_BYTES) return 'more'
  const number = bytes.readUInt8(at)
  const length = bytes.readUInt32LE(at + LENGTH)
  if (length > MAX_PAYLOAD) return 'damaged'
  const head = crc32(bytes.subarray(at, at + HEAD_CHECKSUM))
  if (bytes.readUInt32LE(at + HEAD_CHECKSUM) !== head) return 'damaged'
  const end = at + BLOCK_HEADER_BYTES + length
  if (end > bytes.length) return 'more'
  const payload = bytes.subarray(at + BLOCK_HEADER_BYTES, end)
  if (bytes.readUInt32LE(at + PAYLOAD_CHECKSUM) !== crc32(payload)) return 'damaged'
  return { block: { kind: KIND_OF.get(number), number, payload: Buffer.from(payload) }, end }
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(bytes))
  return sum
}
