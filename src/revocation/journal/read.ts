import type { FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { type Block, decodeBlock, decodeHeader, HEADER_BYTES, MAX_PAYLOAD } from './format.js'

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
  let rest: Buffer = Buffer.alloc(0)
  let sliceStart = performance.now()
  for (let position = HEADER_BYTES; ; ) {
    const chunk = Buffer.allocUnsafe(CHUNK)
    const read = await file.read(chunk, 0, CHUNK, position)
    if (read.bytesRead === 0) break
    position += read.bytesRead
    const bytes = Buffer.concat([rest, chunk.subarray(0, read.bytesRead)])
    let at = 0
    for (;;) {
      const next = decodeBlock(bytes, at)
      if (next === 'more') break
      if (next === 'damaged') return { state: 'read', seed, validBytes: validBytes + at, damaged: true }
      onBlock(next.block)
      at = next.end
      if (performance.now() - sliceStart < SLICE) continue
      await setImmediate()
      sliceStart = performance.now()
    }
    validBytes += at
    rest = bytes.subarray(at)
  }
  return { state: 'read', seed, validBytes, damaged: size - validBytes > MAX_PAYLOAD * 2 }
}
