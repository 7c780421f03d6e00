import type { FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { type Block, decodeBlock, decodeHeader, findBlock, HEADER_BYTES, type Header } from './format.js'

/** Bytes of a file, from the first to before the second. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** A part of a file: a whole block, or bytes that are none. */
export interface Piece extends ByteRange {
  readonly block: Block | undefined
  /** The file ends before the block does, which is what a write that was cut short leaves. */
  readonly isCut: boolean
}

/** Where blocks of kinds that this version does not know stand, among others, and how many they are. */
export interface UnknownBlocks extends ByteRange {
  readonly count: number
}

const CHUNK = 1 << 20
/** The longest that reading may keep the event loop, but for one block, ms. */
const SLICE = 5

/** How a journal's file was found. */
export interface Contents {
  readonly header: Header
  readonly size: number
  /** The file's own, in its first block; a file of an older version has none. */
  readonly generation: Buffer | undefined
  /** Where the last whole block ends. */
  readonly validBytes: number
  /** The first bytes that are no whole block; `undefined`: all are. */
  readonly lost: Piece | undefined
  readonly unknown: UnknownBlocks | undefined
}

/** What is told of a file while it is read. */
export interface Reader {
  /** The fingerprints' seed; first of all. Returns false if the blocks are of no use with it. */
  begin(seed: Buffer): boolean
  /** A whole block. @param afterLoss something before it could not be read */
  take(block: Block, afterLoss: boolean): void
}

/**
 * Reads a journal from its beginning, in bounded memory, and hands each whole block on, in order: after bytes that are
 * none, on from the next one. Lets the event loop turn every few milliseconds.
 *
 * @param seed for a file whose header can't be read
 */
export async function readJournal(file: FileHandle, reader: Reader, seed?: Buffer): Promise<Contents> {
  const bytes = Buffer.alloc(HEADER_BYTES)
  const { bytesRead } = await file.read(bytes, 0, HEADER_BYTES, 0)
  const header = decodeHeader(bytes.subarray(0, bytesRead))
  const own = header.state === 'read' ? header.seed : header.state === 'damaged' ? seed : undefined
  const found = { header, generation: undefined, validBytes: 0, lost: undefined, unknown: undefined }
  const isUseful = own !== undefined && reader.begin(own)
  const read = isUseful ? await readBlocks(file, reader) : found
  return { ...found, ...read, size: (await file.stat()).size }
}

async function readBlocks(file: FileHandle, reader: Reader) {
  let generation: Buffer | undefined
  let validBytes = HEADER_BYTES
  let lost: Piece | undefined
  let unknown: UnknownBlocks | undefined
  let sliceStart = performance.now()
  for await (const piece of piecesOf(file, { from: HEADER_BYTES, to: Number.POSITIVE_INFINITY })) {
    const { block, from, to } = piece
    if (block === undefined) {
      lost ??= piece
    } else {
      if (block.kind === 'generation') generation ??= block.payload
      reader.take(block, lost !== undefined)
      if (block.kind === undefined) unknown = { from: unknown?.from ?? from, to, count: (unknown?.count ?? 0) + 1 }
      validBytes = to
    }
    if (performance.now() - sliceStart < SLICE) continue
    await setImmediate()
    sliceStart = performance.now()
  }
  return { generation, validBytes, lost, unknown }
}

/** The blocks of a part of a file, and the bytes between them that are none, in order. */
export async function* piecesOf(file: FileHandle, { from, to }: ByteRange): AsyncGenerator<Piece> {
  let bytes: Buffer = Buffer.alloc(0)
  /** Where in the file `bytes` begin. */
  let begin = from
  let lostFrom: number | undefined
  for (let position = from; position < to; ) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, to - position))
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position)
    if (bytesRead === 0) break
    position += bytesRead
    bytes = Buffer.concat([bytes, chunk.subarray(0, bytesRead)])
    let at = 0
    for (;;) {
      const next = decodeBlock(bytes, at)
      if (next === 'more') break
      if (next === 'damaged' || next.block === undefined) {
        lostFrom ??= begin + at
        at = next === 'damaged' ? findBlock(bytes, at + 1) : next.end
        continue
      }
      if (lostFrom !== undefined) yield { block: undefined, isCut: false, from: lostFrom, to: begin + at }
      lostFrom = undefined
      yield { block: next.block, isCut: false, from: begin + at, to: begin + next.end }
      at = next.end
    }
    bytes = bytes.subarray(at)
    begin += at
  }
  if (lostFrom !== undefined || bytes.length > 0) {
    const isCut = lostFrom === undefined
    yield { block: undefined, isCut, from: lostFrom ?? begin, to: begin + bytes.length }
  }
}
