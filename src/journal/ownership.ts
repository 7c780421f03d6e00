import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, type FileHandle, link, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hasCode } from '../error-code.js'
import { describeError, type Logger } from '../logging/index.js'
import { Backoff, type Clock, systemClock } from '../time/index.js'
import { removeDraft } from './compaction.js'
import type { Damage } from './damage.js'
import { VERSION } from './format.js'
import { JournalFile } from './journal-file.js'
import { type Extent, GENERATION_BYTES, LengthRecord, NO_GENERATION } from './length-record.js'
import type { Contents } from './loading.js'
import { JournalLocked, lock } from './lock.js'
import { type FoundJournal, isFirstStart, type Snapshot } from './read.js'
import type { WritableJournal } from './writer.js'

/** Milliseconds between two attempts while another process holds the lock. Short: until then, revocations are not durable. */
const LOCKED_RETRY = 100
/** Milliseconds between two attempts after another failure, as on a full disk: the first delay and the longest. */
const RETRY_FIRST = 250
const RETRY_LAST = 2_000

export interface OwnershipOptions {
  readonly path: string
  /** Opens the journal once the lock is held. If it rejects, the journal is not owned, and it is called again. */
  readonly take: () => Promise<void>
  /** Called with the reason whenever an attempt fails. */
  readonly failed: (reason: string) => void
  readonly clock?: Clock
}

/** Acquires a journal for this process; retries while another process still drains, or its disk is full. */
export class Ownership {
  readonly #options: OwnershipOptions
  #release: (() => Promise<void>) | undefined
  #attempt: Promise<boolean> | undefined
  #isTaken = false
  #cancelRetry = () => {}
  readonly #backoff = new Backoff({ first: RETRY_FIRST, max: RETRY_LAST })
  #closed = false

  constructor(options: OwnershipOptions) {
    this.#options = options
  }

  /** Acquires the lock, unless it is held already. Throws `JournalLocked`, or the file system's error. */
  async claim(): Promise<void> {
    const { path } = this.#options
    if (this.#release !== undefined) return
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    this.#release = await lock(path)
  }

  /** Tries now, and again later until it succeeds. Resolves with whether it has succeeded; never rejects. */
  attempt(): Promise<boolean> {
    this.#cancelRetry()
    this.#attempt ??= this.#try().finally(() => {
      this.#attempt = undefined
    })
    return this.#attempt
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelRetry()
    await this.#attempt
    await this.#release?.().catch(() => undefined)
  }

  async #try(): Promise<boolean> {
    if (this.#isTaken || this.#closed) return this.#isTaken
    try {
      await this.claim()
      await this.#options.take()
      this.#isTaken = true
    } catch (error) {
      this.#options.failed(describeError(error))
      if (this.#closed) return false
      const isLocked = error instanceof JournalLocked
      const { clock = systemClock } = this.#options
      this.#cancelRetry = clock.after(isLocked ? LOCKED_RETRY : this.#backoff.next(), () => void this.attempt())
    }
    return this.#isTaken
  }
}

/**
 * Opens for writing what was read under the lock. A torn tail is cut off. A damaged file stays in place until a compaction
 * replaces it, and a copy is quarantined. Throws the file system's error.
 */
export async function openForWriting(path: string, snapshot: Snapshot, logger: Logger): Promise<WritableJournal> {
  const { found, damage } = snapshot
  await removeDraft(path)
  const record = await LengthRecord.open(path)
  try {
    if (damage !== undefined) {
      if (found.contents !== undefined) await quarantine(path, damage, logger)
      const file = await openToCopy(path, found.contents)
      return { file, record, inPlace: extentOfDamaged(found), mustReplace: true }
    }
    if (found.contents === undefined) return { file: undefined, record, inPlace: undefined, mustReplace: true }
    const file = await openToAppend(path, found.contents)
    const { lost, validBytes } = found.contents
    // A recorded length beyond the bytes that a crash left would make them damage.
    const inPlace = { generation: file.generation, length: Math.min(validBytes, lost?.from ?? validBytes) }
    return { file, record, inPlace, mustReplace: needsRepair(found.contents) }
  } catch (error) {
    await record.close()
    throw error
  }
}

/** The damaged file, if a newer version's blocks have to be copied from it. */
async function openToCopy(path: string, contents: Contents | undefined): Promise<JournalFile | undefined> {
  if (contents?.unknown === undefined) return undefined
  return journalFile(await open(path, 'r'), contents)
}

async function openToAppend(path: string, contents: Contents): Promise<JournalFile> {
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
  return new JournalFile(handle, contents.validBytes, contents.generation ?? NO_GENERATION, contents.unknown)
}

/**
 * Nothing is lost, but a crash left bytes in front of whole blocks, a bit of the header has flipped, or an older version wrote
 * the file: that version must not find in it what it does not know.
 */
function needsRepair({ header, lost, validBytes }: Contents): boolean {
  if (header.state !== 'read' || header.repaired || header.version < VERSION) return true
  return lost !== undefined && lost.from < validBytes
}

/** What the length record has to say of a damaged journal, so that it does not look whole after a crash. */
function extentOfDamaged(found: FoundJournal): Extent | undefined {
  if (isFirstStart(found)) return undefined
  const { extents, contents } = found
  const generation = contents?.generation ?? NO_GENERATION
  const known = typeof extents === 'string' ? [] : [extents.current, extents.next]
  const own = known.find((extent) => extent?.generation.equals(generation))
  return own ?? known[0] ?? { generation: randomBytes(GENERATION_BYTES), length: 0 }
}

/** Keeps a damaged file for later inspection, if the disk has room for it. */
async function quarantine(path: string, { id = '', reason }: Damage, logger: Logger): Promise<void> {
  const quarantined = `${path}.damaged-${id.slice(0, 16)}`
  try {
    await link(path, quarantined).catch((error) => {
      if (hasCode(error, 'EEXIST')) return undefined
      return copyFile(path, quarantined, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    })
    logger.warn('journal damaged: using its readable part; file quarantined', { path, quarantined, reason })
  } catch (error) {
    const failure = describeError(error)
    logger.warn('journal damaged: using its readable part; file not quarantined', { path, reason, error: failure })
  }
}
