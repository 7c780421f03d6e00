import { randomUUID } from 'node:crypto'
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { hasCode } from '../error-code.js'
import { SEED_BYTES } from '../token/index.js'
import { fsync, fsyncDirectoryOf, writeAt } from './fsync.js'

/** A file that was, or will be, in the journal's place, and how many of its bytes are durable. */
export interface Extent {
  /** {@link GENERATION_BYTES}; {@link NO_GENERATION} for a file of an older version. */
  readonly generation: Buffer
  readonly length: number
}

/** What the length record says. While one file replaces another it names both. */
export interface Extents {
  readonly seed: Buffer
  /** `undefined`: no file has been in place yet. */
  readonly current: Extent | undefined
  readonly next: Extent | undefined
}

/** The record beside a journal, as it was found. */
export type FoundExtents = Extents | 'absent' | 'unreadable'

export const GENERATION_BYTES = 8
/** Stands for a file without a generation: an older version's. */
export const NO_GENERATION = Buffer.alloc(GENERATION_BYTES, 0xff)
const NONE = Buffer.alloc(GENERATION_BYTES)

const MAGIC = Buffer.from('MGWJLEN\x01', 'latin1')
const SEQUENCE = MAGIC.length
const SEED = SEQUENCE + 8
const CURRENT = SEED + SEED_BYTES
const NEXT = CURRENT + GENERATION_BYTES + 8
const CHECKSUM = NEXT + GENERATION_BYTES + 8
const SLOT_BYTES = CHECKSUM + 4
/** Far enough that a torn sector spoils one slot alone. */
const SLOT_DISTANCE = 4_096
const FILE_BYTES = SLOT_DISTANCE + SLOT_BYTES

export const lengthRecordOf = (journal: string) => `${journal}.length`

/** Reads a journal's length record. Throws the file system's error, unless it is that there is none. */
export async function readExtents(journal: string): Promise<FoundExtents> {
  const bytes = await bytesOf(journal)
  return bytes === undefined ? 'absent' : (latest(bytes)?.extents ?? 'unreadable')
}

/**
 * Makes a truncated or replaced journal recognisable: names the journal's generation and durable length, in a file beside
 * it. Two slots are written in turn, in place: that needs no room on a full disk and survives a crash at any moment. It is
 * written after the bytes that it counts: the journal may be longer than it says.
 */
export class LengthRecord {
  readonly #journal: string
  #handle: FileHandle | undefined
  #sequence: number

  private constructor(journal: string, handle: FileHandle | undefined, sequence: number) {
    this.#journal = journal
    this.#handle = handle
    this.#sequence = sequence
  }

  /** Opens the record for writing; if it is absent or unreadable, the first {@link write} creates it. */
  static async open(journal: string): Promise<LengthRecord> {
    const slot = latest(await bytesOf(journal))
    if (slot === undefined) return new LengthRecord(journal, undefined, 0)
    return new LengthRecord(journal, await open(lengthRecordOf(journal), 'r+'), slot.sequence)
  }

  /** Whether there is one: an older version's file has none until its first compaction. */
  get exists(): boolean {
    return this.#handle !== undefined
  }

  /** Resolves when it is durable. If it rejects, it may be tried again. */
  async write(extents: Extents): Promise<void> {
    const sequence = this.#sequence + 1
    const slot = encodeSlot(sequence, extents)
    if (this.#handle === undefined) {
      this.#handle = await this.#create(slot, sequence)
    } else {
      await writeAt(this.#handle, slot, positionOf(sequence))
      await fsync(this.#handle)
    }
    this.#sequence = sequence
  }

  async close(): Promise<void> {
    await this.#handle?.close().catch(() => undefined)
  }

  async #create(slot: Buffer, sequence: number): Promise<FileHandle> {
    const path = lengthRecordOf(this.#journal)
    const draft = `${path}.${randomUUID()}`
    const bytes = Buffer.alloc(FILE_BYTES)
    slot.copy(bytes, positionOf(sequence))
    let handle: FileHandle | undefined
    try {
      handle = await open(draft, 'wx+', 0o600)
      await writeAt(handle, bytes, 0)
      await fsync(handle)
      await rename(draft, path)
      await fsyncDirectoryOf(path)
      return handle
    } catch (error) {
      await handle?.close()
      await rm(draft, { force: true }).catch(() => undefined)
      throw error
    }
  }
}

const positionOf = (sequence: number) => (sequence % 2) * SLOT_DISTANCE

async function bytesOf(journal: string): Promise<Buffer | undefined> {
  try {
    return await readFile(lengthRecordOf(journal))
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

function latest(bytes: Buffer | undefined) {
  if (bytes === undefined) return undefined
  const slots = [0, SLOT_DISTANCE].flatMap((at) => decodeSlot(bytes.subarray(at, at + SLOT_BYTES)) ?? [])
  return slots.sort((a, b) => b.sequence - a.sequence)[0]
}

function encodeSlot(sequence: number, { seed, current, next }: Extents): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES)
  MAGIC.copy(slot)
  slot.writeDoubleLE(sequence, SEQUENCE)
  seed.copy(slot, SEED)
  encodeExtent(current, slot, CURRENT)
  encodeExtent(next, slot, NEXT)
  slot.writeUInt32LE(crc32(slot.subarray(0, CHECKSUM)), CHECKSUM)
  return slot
}

function encodeExtent(extent: Extent | undefined, slot: Buffer, at: number): void {
  if (extent === undefined) return
  extent.generation.copy(slot, at)
  slot.writeDoubleLE(extent.length, at + GENERATION_BYTES)
}

function decodeSlot(slot: Buffer): { sequence: number; extents: Extents } | undefined {
  if (slot.length < SLOT_BYTES || !slot.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  if (slot.readUInt32LE(CHECKSUM) !== crc32(slot.subarray(0, CHECKSUM))) return undefined
  const seed = Buffer.from(slot.subarray(SEED, CURRENT))
  const extents = { seed, current: decodeExtent(slot, CURRENT), next: decodeExtent(slot, NEXT) }
  return { sequence: slot.readDoubleLE(SEQUENCE), extents }
}

function decodeExtent(slot: Buffer, at: number): Extent | undefined {
  const generation = Buffer.from(slot.subarray(at, at + GENERATION_BYTES))
  if (generation.equals(NONE)) return undefined
  return { generation, length: slot.readDoubleLE(at + GENERATION_BYTES) }
}
