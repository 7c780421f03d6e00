import type { FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { type Block, decodeBlock, decodeHeader, HEADER_BYTES, MAX_PAYLOAD } from './format.js'

/** Bytes of a file, from the first to before the second. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

const CHUNK = 1 << 20
/** The longest that reading may keep the event loop, but for one block, ms. */
const SLICE = 5

/** How a journal's file was found. */
export type Contents =
  | { readonly state: 'empty' }
  /** Its header is not ours: another program's, another version's, or damaged. */
  | { readonly state: 'foreign' }
  | {
      readonly state: 'read'
      readonly seed: Buffer
      /** Bytes up to the end of the last whole block; what follows is a torn tail, or damage. */
      readonly validBytes: number
      /** Where blocks of kinds that this version does not know stand, among others. */
      readonly unknown: ByteRange | undefined
      /** Whether more follows than a write that was cut short leaves. */
      readonly damaged: boolean
    }

/**
 * Reads a journal from its beginning, in bounded memory, and hands each whole block on, in order, up to the first that
 * is not whole. Lets the event loop turn every few milliseconds.
 */
export async function readJournal(
  file: FileHandle,
  onSeed: (seed: Buffer) => void,
  onBlock: (block: Block) => void,
): Promise<Contents> {
  const header = Buffer.alloc(HEADER_BYTES)
  const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0)
  if (bytesRead === 0) return { state: 'empty' }
  const seed = decodeHeader(header.subarray(0, bytesRead))
  if (seed === undefined) return { state: 'foreign' }
  onSeed(seed)
  const { size } = await file.stat()
  let validBytes = HEADER_BYTES
  let unknown: ByteRange | undefined
  let sliceStart = performance.now()
  for await (const next of blocksOf(file, { from: HEADER_BYTES, to: Number.POSITIVE_INFINITY })) {
    if (next === 'damaged') return { state: 'read', seed, validBytes, unknown, damaged: true }
    onBlock(next.block)
    if (next.block.kind === undefined) unknown = { from: unknown?.from ?? validBytes, to: next.end }
    validBytes = next.end
    if (performance.now() - sliceStart < SLICE) continue
    await setImmediate()
    sliceStart = performance.now()
  }
  return { state: 'read', seed, validBytes, unknown, damaged: size - validBytes > MAX_PAYLOAD * 2 }
}

/** The whole blocks of a part of a file, and where in the file each ends, up to the first that is `'damaged'`. */
export async function* blocksOf(file: FileHandle, { from, to }: ByteRange) {
  let rest: Buffer = Buffer.alloc(0)
  for (let position = from; position < to; ) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, to - position))
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position)
    if (bytesRead === 0) return
    const begin = position - rest.length
    position += bytesRead
    const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
    let at = 0
    for (;;) {
      const next = decodeBlock(bytes, at)
      if (next === 'more') break
      if (next === 'damaged') {
        yield next
        return
      }
      at = next.end
      yield { block: next.block, end: begin + at }
    }
    rest = bytes.subarray(at)
  }
}
