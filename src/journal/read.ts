import { type FileHandle, open } from 'node:fs/promises'
import { hasCode } from '../error-code.js'
import { describeError } from '../logging/index.js'
import { DAMAGE_NOTE, type Damage, damageId, readDamages } from './damage.js'
import { OLDEST_VERSION, VERSION } from './format.js'
import { type Extent, type FoundExtents, NO_GENERATION, readExtents } from './length-record.js'
import type { Contents, Loading } from './loading.js'

/** A journal's file, unless there is none, and its length record. */
export interface FoundJournal {
  readonly contents: Contents | undefined
  readonly extents: FoundExtents
}

/** A journal as it was read; another process may be writing it. */
export interface Snapshot {
  readonly found: FoundJournal
  readonly loading: Loading
  /** Why this file may lack something. */
  readonly damage: Damage | undefined
  /** That, and the damages of earlier files that its note names. */
  readonly damages: readonly Damage[]
}

/** Reads a journal, and says whether it is damaged. Writes nothing, and never rejects: an I/O error is damage without an id. */
export async function readJournal(path: string, loading: Loading): Promise<Snapshot> {
  try {
    // Before the file: whatever length the record names, the file has reached it by then.
    const extents = await readExtents(path)
    const found = { extents, contents: await readFile(path, loading, extents) }
    const reason = loading.hasOtherSeed ? 'another process has started a new journal' : whyDamaged(found)
    const damage = reason === undefined ? undefined : { id: await damageId(path), reason }
    const earlier = readDamages(loading.notes.get(DAMAGE_NOTE))
    return { found, loading, damage, damages: damage === undefined ? earlier : [...earlier, damage] }
  } catch (error) {
    const damage = { reason: `cannot read the journal: ${describeError(error)}` }
    return { found: { contents: undefined, extents: 'unreadable' }, loading, damage, damages: [damage] }
  }
}

async function readFile(path: string, loading: Loading, extents: FoundExtents): Promise<Contents | undefined> {
  const file = await openIfExists(path)
  if (file === undefined) return undefined
  try {
    return await loading.load(file, typeof extents === 'string' ? undefined : extents.seed)
  } finally {
    await file.close()
  }
}

/** A directory that does not exist, or is a file, holds no journal. */
async function openIfExists(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/** Whether no journal has ever been here. */
export function isFirstStart({ contents, extents }: FoundJournal): boolean {
  if (contents !== undefined) return false
  return extents === 'absent' || (extents !== 'unreadable' && extents.current === undefined)
}

/**
 * Why a journal may hold less than was written to it; `undefined` if it is intact. Where a loss could hide, as in a file
 * whose length record is missing, it counts as one. An older version's file has no length record: it is intact unless its
 * own bytes show a loss, so that an upgrade is no damage.
 */
function whyDamaged(found: FoundJournal): string | undefined {
  if (isFirstStart(found)) return undefined
  const { contents, extents } = found
  if (contents === undefined) return 'journal missing, but its length record exists'
  const { header, size } = contents
  if (header.state === 'version') return wrongVersion(header.version)
  if (size === 0) return 'journal empty'
  if (header.state === 'damaged' && contents.validBytes === 0) return 'journal has no readable header'
  if (extents === 'unreadable') return 'length record unreadable'
  if (extents !== 'absent') return damageAgainst(contents, [extents.current, extents.next])
  if (contents.generation !== undefined) return 'length record missing'
  if (header.state === 'damaged') return 'journal has no readable header'
  return contents.lost?.isCut === true ? undefined : lossIn(contents)
}

function damageAgainst(contents: Contents, extents: readonly (Extent | undefined)[]): string | undefined {
  const generation = contents.generation ?? NO_GENERATION
  const extent = extents.find((candidate) => candidate?.generation.equals(generation))
  if (extent === undefined) return 'journal is not the file that its length record names'
  const { lost, validBytes } = contents
  if (lost !== undefined && lost.from < extent.length) return lossIn(contents)
  if (validBytes >= extent.length) return undefined
  return `journal truncated: ${validBytes} of ${extent.length} bytes`
}

function lossIn({ lost }: Contents): string | undefined {
  return lost && `journal damaged in bytes ${lost.from} to ${lost.to}`
}

function wrongVersion(version: number): string {
  const remedy = version > VERSION ? 'a newer mgw wrote it: start that one' : 'mgw before 0.1.0 wrote it'
  return `unsupported journal format version ${version} (this mgw reads versions ${OLDEST_VERSION} to ${VERSION}): ${remedy}, or accept the loss`
}
