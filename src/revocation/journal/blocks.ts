import { type Entry, encodeEntries, type SourceNames } from '../list/index.js'
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

/**
 * A mark that the list held, at `at` (epoch ms), all that its sources knew. It must stand after all entries of that
 * moment: where a damaged file ends in front of some of them, it must end in front of the mark, too.
 */
export function inStepBlocks(at: number | undefined): Buffer[] {
  if (at === undefined) return []
  const payload = Buffer.alloc(8)
  payload.writeDoubleLE(at)
  return [encodeBlock('inStep', payload)]
}
