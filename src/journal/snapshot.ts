import { type FileHandle, open } from 'node:fs/promises'
import { hasCode } from '../error-code.js'
import { describeError } from '../logging/index.js'
import { DAMAGE_NOTE, type Damage, damageId, readDamages } from './damage.js'
import { readExtents } from './length-record.js'
import type { Loading } from './loading.js'
import { type Contents, readJournal } from './read.js'
import { damageIn, type FoundJournal } from './wholeness.js'

/** A journal as it was read, whoever may write it. */
export interface Snapshot {
  readonly found: FoundJournal
  readonly loading: Loading
  /** What this file lacks. */
  readonly damage: Damage | undefined
  /** That, and what a file lacked that it took the place of. */
  readonly damages: readonly Damage[]
}

/** Reads a journal; writes nothing, and never rejects: what the file system does not give is damage without an id. */
export async function readSnapshot(path: string, loading: Loading): Promise<Snapshot> {
  try {
    // Before the file: what is recorded is in it by then.
    const extents = await readExtents(path)
    const found = { extents, contents: await readContents(path, loading, extents) }
    const reason = loading.hasOtherSeed ? 'another process has begun a new journal' : damageIn(found)
    const damage = reason === undefined ? undefined : { id: await damageId(path), reason }
    return { found, loading, damage, damages: [...readDamages(loading.notes.get(DAMAGE_NOTE)), ...listed(damage)] }
  } catch (error) {
    const damage = { reason: `the journal cannot be read: ${describeError(error)}` }
    return { found: { contents: undefined, extents: 'unreadable' }, loading, damage, damages: [damage] }
  }
}

async function readContents(
  path: string,
  loading: Loading,
  extents: FoundJournal['extents'],
): Promise<Contents | undefined> {
  const file = await openIfThere(path)
  if (file === undefined) return undefined
  try {
    return await readJournal(file, loading, typeof extents === 'string' ? undefined : extents.seed)
  } finally {
    await file.close()
  }
}

/** A directory that is not there, or is a file, holds no journal. */
async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

const listed = (damage: Damage | undefined) => (damage === undefined ? [] : [damage])
