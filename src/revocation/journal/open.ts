import { constants } from 'node:fs'
import { copyFile, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeError, type Logger } from '../../logging/index.js'
import { Fingerprinter } from '../fingerprint.js'
import type { RevocationList } from '../list/index.js'
import { markName, readMark } from './blocks.js'
import { type Block, encodeHeader } from './format.js'
import { Journal } from './journal.js'
import { syncDirectoryOf } from './journal-file.js'
import { lock } from './lock.js'
import { type JSONValue, readNote } from './notes.js'
import { PendingPuts } from './pending.js'
import { type Contents, readJournal } from './read.js'

export interface OpenJournalOptions {
  readonly path: string
  /** Makes the list that the journal is of, once its seed is known. */
  readonly listOf: (fingerprints: Fingerprinter) => RevocationList
  readonly logger: Logger
  /** Epoch ms. What expired a day before is left out: not later, for the clock may be ahead. */
  readonly now: number
  /** What tells the sources from others: a mark that the list was in step speaks of them alone. */
  readonly sources: string
}

const MARGIN = 86_400_000
/** How far a mark may lie ahead of the clock and still tell the file's age, ms. */
const MARK_TOLERANCE = 60_000

export interface OpenedJournal {
  readonly journal: Journal
  readonly list: RevocationList
  readonly fingerprints: Fingerprinter
  /** When the list was last in step with its sources (epoch ms), as far as the file says; a damaged one says nothing. */
  readonly inStepAt: number | undefined
  /** The last value of each {@link Journal.note}; none if the file is damaged. */
  readonly notes: ReadonlyMap<string, JSONValue>
}

/**
 * Opens a journal, or makes one, and reads it into a list. A torn tail is cut off; a file that is not a journal is set
 * aside, and so is a copy of one that is damaged, with a warning. Throws `JournalLocked` or the file system's error.
 */
export async function openJournal(options: OpenJournalOptions): Promise<OpenedJournal> {
  const { path, logger } = options
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const release = await lock(path)
  try {
    await rm(`${path}.new`, { force: true }) // of a process that ended while it wrote the file anew
    const opened = await openLocked(options)
    const { file, loaded } = opened
    const journal = new Journal({
      path,
      seed: loaded.fingerprints.seed,
      list: loaded.list,
      pending: loaded.pending,
      notes: loaded.notes,
      unknown: opened.unknown,
      logger,
      file,
      bytes: opened.bytes,
      sources: options.sources,
      inStepAt: loaded.inStepAt,
      release,
    })
    loaded.list.onChange((entry) => journal.append(entry))
    const { list, fingerprints, inStepAt, notes } = loaded
    return { journal, list, fingerprints, inStepAt, notes }
  } catch (error) {
    await release()
    throw error
  }
}

async function openLocked(options: OpenJournalOptions) {
  const { path, logger } = options
  const file = await openFile(path)
  try {
    const loading = new Loading(options)
    const contents = await readJournal(
      file,
      (seed) => loading.begin(seed),
      (block) => loading.take(block),
    )
    if (contents.state !== 'read') return await startAnew(file, contents, options)
    if (contents.damaged) await keepDamaged(path, logger)
    await file.truncate(contents.validBytes)
    const loaded = loading.loaded()
    // Entries are lost that the list had when it was last in step.
    if (contents.damaged) {
      loaded.inStepAt = undefined
      loaded.notes.clear()
    }
    return { file, bytes: contents.validBytes, unknown: contents.unknown, loaded }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function openFile(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  await file.chmod(0o600)
  return file
}

async function startAnew(old: FileHandle, contents: Contents, options: OpenJournalOptions) {
  const { path, logger } = options
  let file = old
  if (contents.state === 'foreign') {
    const aside = `${path}.foreign-${options.now}`
    await rename(path, aside)
    await old.close()
    logger.warn('a file that is not a journal of this version was set aside', { path, aside })
    file = await openFile(path)
  }
  const loading = new Loading(options)
  loading.begin(Fingerprinter.random().seed)
  const loaded = loading.loaded()
  const header = encodeHeader(loaded.fingerprints.seed)
  await file.truncate(0)
  await file.write(header, 0, header.length, 0)
  await file.sync()
  await syncDirectoryOf(path)
  return { file, bytes: header.length, unknown: undefined, loaded }
}

/** What cannot be read is kept for whoever wants to look; what can be read is used, also when there is no room for both. */
async function keepDamaged(path: string, logger: Logger): Promise<void> {
  const aside = `${path}.damaged-${Date.now()}`
  try {
    await copyFile(path, aside, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    logger.warn('the journal is damaged: what stands before the damage is used, a copy was set aside', { path, aside })
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined)
    const reason = describeError(error)
    logger.warn('the journal is damaged: what stands before the damage is used, no copy could be made', {
      path,
      reason,
    })
  }
}

/** Puts blocks into a list. */
class Loading {
  readonly #options: OpenJournalOptions
  #loaded: { list: RevocationList; fingerprints: Fingerprinter } | undefined
  #translation: Uint8Array | undefined
  #inStepAt: number | undefined
  readonly #notes = new Map<string, JSONValue>()
  readonly #pending = new PendingPuts()

  constructor(options: OpenJournalOptions) {
    this.#options = options
  }

  begin(seed: Buffer): void {
    const fingerprints = new Fingerprinter(seed)
    this.#loaded = { fingerprints, list: this.#options.listOf(fingerprints) }
  }

  take({ kind, payload }: Block): void {
    const { list } = this.loaded()
    if (kind === 'token' || kind === 'rule') {
      list.import({ kind, bytes: payload }, this.#translation, this.#options.now - MARGIN)
    } else if (kind === 'inStep') {
      this.#takeMark(payload)
    } else if (kind === 'pending') {
      this.#pending.load(payload)
    } else if (kind === 'done') {
      this.#pending.loadDone(payload)
    } else if (kind === 'note') {
      readNote(payload, this.#notes)
    } else if (kind === 'sources') {
      const names: unknown = JSON.parse(payload.toString('utf8'))
      if (Array.isArray(names)) this.#translation = list.sources.translation(names.map(String))
    }
  }

  #takeMark(payload: Buffer): void {
    const { now, sources } = this.#options
    const mark = readMark(payload)
    if (mark === undefined || !mark.of.equals(markName(this.loaded().fingerprints.seed, sources))) return
    // The clock was ahead then, or is behind now: the file's age is not known.
    this.#inStepAt = mark.at > now + MARK_TOLERANCE ? undefined : Math.min(mark.at, now)
  }

  loaded() {
    if (this.#loaded === undefined) throw new TypeError('a journal begins with its seed')
    return { ...this.#loaded, inStepAt: this.#inStepAt, notes: this.#notes, pending: this.#pending }
  }
}
