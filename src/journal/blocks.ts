import { createHash } from 'node:crypto'
import { type Entry, encodeEntries, type SourceNames } from '../revocation/index.js'
import { encodeBlock } from './format.js'
import type { JournalFile } from './journal-file.js'

const ENTRIES_A_BLOCK = 4_096

/** Entries in the order in which they came, but for tokens and rules, which have blocks of their own. */
export function entryBlocks(entries: readonly Entry[]): Buffer[] {
  return (['token', 'rule'] as const).flatMap((kind) => {
    const ofKind = entries.filter((entry) => entry.kind === kind)
    const blocks: Buffer[] = []
    for (let at = 0; at < ofKind.length; at += ENTRIES_A_BLOCK) {
      blocks.push(encodeBlock(kind, encodeEntries(kind, ofKind.slice(at, at + ENTRIES_A_BLOCK)).bytes))
    }
    return blocks
  })
}

/** The sources' names, if there are more than the file has: they must stand before the entries that number them. */
export function sourceBlocks({ all }: SourceNames, file: JournalFile): Buffer[] {
  if (all.length === file.sources) return []
  file.sources = all.length
  return [encodeBlock('sources', Buffer.from(JSON.stringify(all)))]
}

/** A mark that the list held, at `at` (epoch ms), all that the sources knew whose name is `of`. */
export interface InStepMark {
  readonly at: number
  readonly of: Buffer
}

const MARK_BYTES = 16
const NAME_BYTES = 8

/** What marks call a set of sources, in a file with this seed. */
export function markName(seed: Buffer, sources: string): Buffer {
  return createHash('sha256').update(seed).update(sources).digest().subarray(0, NAME_BYTES)
}

/**
 * The block of a mark. It must stand after all entries of that moment: where a damaged file ends in front of some of
 * them, it must end in front of the mark, too.
 */
export function inStepBlocks(mark: InStepMark | undefined): Buffer[] {
  if (mark === undefined) return []
  const payload = Buffer.alloc(MARK_BYTES)
  payload.writeDoubleLE(mark.at)
  mark.of.copy(payload, 8)
  return [encodeBlock('inStep', payload)]
}

/** The mark of a block's payload; `undefined` if it is none. */
export function readMark(payload: Buffer): InStepMark | undefined {
  return payload.length === MARK_BYTES ? { at: payload.readDoubleLE(), of: payload.subarray(8) } : undefined
}
