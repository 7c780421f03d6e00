import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, type FileHandle, link, open, rm } from 'node:fs/promises'
import { describeError, type Logger } from '../logging/index.js'
import type { Damage } from './damage.js'
import { JournalFile } from './journal-file.js'
import { type Extent, GENERATION_BYTES, LengthRecord, NO_GENERATION } from './length-record.js'
import type { Contents } from './read.js'
import type { Snapshot } from './snapshot.js'
import { type FoundJournal, isFirstStart } from './wholeness.js'
import type { OwnedJournal } from './writer.js'

/**
 * Opens for writing what was read under the lock. A torn tail is cut off. What is not whole stays as it is until a new file
 * takes its place, and under another name then. Throws the file system's error.
 */
export async function takeJournal(path: string, snapshot: Snapshot, logger: Logger): Promise<OwnedJournal> {
  const { found, damage } = snapshot
  await rm(`${path}.new`, { force: true }) // of a process that ended while it wrote the file anew
  const record = await LengthRecord.open(path)
  try {
    if (damage !== undefined) {
      if (found.contents !== undefined) await setAside(path, damage, logger)
      return { file: await readable(path, found.contents), record, inPlace: standIn(found), mustReplace: true }
    }
    if (found.contents === undefined) return { file: undefined, record, inPlace: undefined, mustReplace: true }
    const file = await writable(path, found.contents)
    const { lost, validBytes } = found.contents
    // What is recorded must not reach beyond bytes that a crash has left: they would become damage.
    const inPlace = { generation: file.generation, length: Math.min(validBytes, lost?.from ?? validBytes) }
    return { file, record, inPlace, mustReplace: needsRepair(found.contents) }
  } catch (error) {
    await record.close()
    throw error
  }
}

/** A file that is to be replaced, for what a newer version wrote into it. */
async function readable(path: string, contents: Contents | undefined): Promise<JournalFile | undefined> {
  if (contents?.unknown === undefined) return undefined
  return journalFile(await open(path, 'r'), contents)
}

async function writable(path: string, contents: Contents): Promise<JournalFile> {
  const handle = await open(path, 'r+')
  try {
    await handle.chmod(0o600)
    if (!needsRepair(contents)) await handle.truncate(contents.validBytes)
    return journalFile(handle, contents)
  } catch (error) {
    await handle.close()
    throw error
  }
}

function journalFile(handle: FileHandle, contents: Contents): JournalFile {
  const file = new JournalFile(handle, contents.validBytes, contents.generation ?? NO_GENERATION)
  file.unknown = contents.unknown
  return file
}

/** Nothing is lost, but there are bytes that a crash left, with blocks behind them, or a header that has to be set right. */
function needsRepair({ header, lost, validBytes }: Contents): boolean {
  if (header.state !== 'read' || header.repaired) return true
  return lost !== undefined && lost.from < validBytes
}

/** What the length record says of a journal that is not whole must not make it look whole after a crash. */
function standIn(found: FoundJournal): Extent | undefined {
  if (isFirstStart(found)) return undefined
  const { extents, contents } = found
  const generation = contents?.generation ?? NO_GENERATION
  const known = typeof extents === 'string' ? [] : [extents.current, extents.next]
  const own = known.find((extent) => extent?.generation.equals(generation))
  return own ?? known[0] ?? { generation: randomBytes(GENERATION_BYTES), length: 0 }
}

/** What cannot be read whole is kept for whoever wants to look; also when there is no room for a copy, what can be is used. */
async function setAside(path: string, { id = '', reason }: Damage, logger: Logger): Promise<void> {
  const aside = `${path}.damaged-${id.slice(0, 16)}`
  try {
    await link(path, aside).catch((error) => {
      if (error.code === 'EEXIST') return undefined
      return copyFile(path, aside, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    })
    logger.warn('the journal is not whole: what can be read is used, the file was set aside', { path, aside, reason })
  } catch (error) {
    logger.warn('the journal is not whole: what can be read is used, it could not be set aside', {
      path,
      reason,
      error: describeError(error),
    })
  }
}
