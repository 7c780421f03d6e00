import { VERSION } from './format.js'
import { type Extent, type FoundExtents, NO_GENERATION } from './length-record.js'
import type { Contents } from './read.js'

/** A journal as it was found: its file, unless there is none, and the length record beside it. */
export interface FoundJournal {
  readonly contents: Contents | undefined
  readonly extents: FoundExtents
}

/** There is no journal, and there has never been one here. */
export function isFirstStart({ contents, extents }: FoundJournal): boolean {
  if (contents !== undefined) return false
  return extents === 'absent' || (extents !== 'unreadable' && extents.current === undefined)
}

/**
 * Why a journal may hold less than what was written to it; `undefined` if it holds all. Where a loss could hide, as in a
 * file whose length record is gone, it counts as one. A file of an older version, without a length record, is whole
 * unless it shows that it is not: an upgrade is no damage.
 */
export function damageIn(found: FoundJournal): string | undefined {
  if (isFirstStart(found)) return undefined
  const { contents, extents } = found
  if (contents === undefined) return 'the journal is missing, but its length record is there'
  const { header, size } = contents
  if (header.state === 'version') return wrongVersion(header.version)
  if (size === 0) return 'the journal is empty'
  if (header.state === 'damaged' && contents.validBytes === 0) return 'the journal has no readable header'
  if (extents === 'unreadable') return 'the length record cannot be read'
  if (extents !== 'absent') return damageAgainst(contents, [extents.current, extents.next])
  if (contents.generation !== undefined) return 'the length record is missing'
  if (header.state === 'damaged') return 'the journal has no readable header'
  return contents.lost?.isCut === true ? undefined : lossIn(contents)
}

function damageAgainst(contents: Contents, extents: readonly (Extent | undefined)[]): string | undefined {
  const generation = contents.generation ?? NO_GENERATION
  const extent = extents.find((candidate) => candidate?.generation.equals(generation))
  if (extent === undefined) return 'the journal is not the file that the length record speaks of'
  const { lost, validBytes } = contents
  if (lost !== undefined && lost.from < extent.length) return lossIn(contents)
  if (validBytes >= extent.length) return undefined
  return `the journal ends after ${validBytes} bytes, ${extent.length} were written`
}

function lossIn({ lost }: Contents): string | undefined {
  return lost && `the journal is damaged in bytes ${lost.from} to ${lost.to}`
}

function wrongVersion(version: number): string {
  const which = version > VERSION ? 'a newer mgw wrote it: start that one' : 'mgw before 0.1.0 wrote it'
  return `the journal has format version ${version}, this mgw reads version ${VERSION}; ${which}, or accept the loss`
}
