import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../logging/index.js'
import type { JSONValue, RevocationList } from '../revocation/index.js'
import type { Fingerprinter } from '../token/index.js'
import { DAMAGE_NOTE, noteOf, readAccepted } from './damage.js'
import { Journal } from './journal.js'
import { Loading, type SeededList } from './loading.js'
import { JournalLocked } from './lock.js'
import { Ownership, openForWriting } from './ownership.js'
import { isFirstStart, readJournal, type Snapshot } from './read.js'

export interface OpenJournalOptions {
  readonly path: string
  /** Creates the list, once the journal's seed is known. */
  readonly listOf: (fingerprints: Fingerprinter) => RevocationList
  readonly logger: Logger
  /** Epoch ms. May be wrong: no entry is left out because of it. */
  readonly now: number
  /** Identifies the sources: that the list was in sync counts for the same sources alone. */
  readonly sources: string
  /** Ids of damaged files whose loss an operator has accepted. */
  readonly accepted?: readonly string[]
}

export interface OpenedJournal {
  readonly journal: Journal
  readonly list: RevocationList
  readonly fingerprints: Fingerprinter
  /** When the list was last in sync with its sources (epoch ms); unknown if the file is damaged. */
  readonly inSyncAt: number | undefined
  /** The last value of each {@link Journal.note}; empty if the file is damaged. */
  readonly notes: ReadonlyMap<string, JSONValue>
}

/** How long a first start waits for the journal that another process is creating, and how often it looks, ms. */
const FIRST_JOURNAL_TIMEOUT = 5_000
const FIRST_JOURNAL_INTERVAL = 50
/** How often a damaged journal is read while another process may be replacing it. */
const ATTEMPTS = 3
/** How often an operator's acceptance is looked for while it is needed, ms. */
const ACCEPTED_INTERVAL = 1_000

/**
 * Reads a journal into a list, even while another process writes it, and owns it: now, or once its lock is free and its disk writable; what
 * another process has appended by then is read, too. Never rejects: {@link Journal.status} says why it is not owned,
 * {@link Journal.damages} what could not be read.
 */
export async function openJournal(options: OpenJournalOptions): Promise<OpenedJournal> {
  const { path, logger } = options
  let opened: { readonly journal: Journal; readonly into: SeededList } | undefined
  let underLock: Snapshot | undefined
  let loading: Loading | undefined
  let reason = ''
  const ownership = new Ownership({
    path,
    take: async () => {
      if (opened === undefined) return
      loading = new Loading(options, opened.into)
      const snapshot = underLock ?? (await readJournal(path, loading))
      underLock = undefined
      await takeOver(opened.journal, path, snapshot, logger)
      if (reason !== '') logger.info('journal opened for writing', { path })
    },
    failed: (why) => {
      if (reason === '') {
        logger.warn('journal not writable: revocations are not durable; retrying', { path, reason: why })
      }
      reason = why
      if (opened !== undefined) opened.journal.notOwned = why
    },
  })
  const claimed = await ownership.claim().then(
    () => 'locked' as const,
    (error) => (error instanceof JournalLocked ? 'in use' : 'not writable'),
  )
  const snapshot = await readAtStart(options, claimed)
  if (claimed === 'locked') underLock = snapshot
  const { journal, ...read } = journalOf(options, snapshot, () => ownership.close())
  opened = { journal, into: snapshot.loading.into }
  read.list.onChange((entry) => {
    if (loading?.isImporting !== true) journal.append(entry)
  })
  journal.damages.onChange(() => void ownership.attempt())
  watchAccepted(path, journal)
  if (isFirstStart(snapshot.found)) logger.warn('no journal found: earlier revocations are unknown', { path })
  // Waits for a new journal to be created, but not for one to be replaced, which may be large.
  if ((await ownership.attempt()) && snapshot.found.contents === undefined) await journal.flush().catch(() => undefined)
  return { journal, ...read }
}

/** Meanwhile another process may create the journal, or replace its file. */
async function readAtStart(
  options: OpenJournalOptions,
  claimed: 'locked' | 'in use' | 'not writable',
): Promise<Snapshot> {
  const deadline = performance.now() + FIRST_JOURNAL_TIMEOUT
  for (let attempt = 1; ; ) {
    const snapshot = await readJournal(options.path, new Loading(options, options.listOf))
    const isFirst = isFirstStart(snapshot.found)
    if (claimed !== 'in use' || (snapshot.damage === undefined && !isFirst)) return snapshot
    if (isFirst ? performance.now() > deadline : attempt++ === ATTEMPTS) return snapshot
    await sleep(FIRST_JOURNAL_INTERVAL)
  }
}

function journalOf(options: OpenJournalOptions, { loading, damages }: Snapshot, release: () => Promise<void>) {
  const { path, logger, sources, accepted = [] } = options
  const { list, fingerprints } = loading.into
  const isWhole = damages.length === 0
  // Marks and notes are true only of a complete file.
  const inSyncAt = isWhole ? loading.inSyncAt : undefined
  const notes = new Map(isWhole ? loading.notes : [[DAMAGE_NOTE, noteOf(damages)]])
  const { pending } = loading
  const parts = { path, seed: fingerprints.seed, list, pending, notes, logger, sources, inSyncAt, damages }
  const journal = new Journal({ ...parts, release })
  journal.damages.accept(accepted)
  for (const { id, reason } of journal.damages.all) logger.error('journal damaged', { path, reason, id })
  return { journal, list, fingerprints, inSyncAt, notes: without(DAMAGE_NOTE, notes) }
}

async function takeOver(journal: Journal, path: string, snapshot: Snapshot, logger: Logger): Promise<void> {
  const { found, loading, damage, damages } = snapshot
  journal.damages.found(loading.hasOtherSeed ? [...journal.damages.all, ...damages] : damages)
  const isUnreadable = damage !== undefined && (damage.id === undefined || found.contents?.header.state === 'version')
  // A newer mgw, or a repaired disk, may read it yet: it stays in place until a store was listed or the loss is accepted.
  if (isUnreadable && journal.damages.all.length > 0) throw new Error(damage.reason)
  await journal.own(await openForWriting(path, snapshot, logger))
}

/** Looks for an operator's acceptance while there is unresolved damage. */
function watchAccepted(path: string, journal: Journal): void {
  const timer = setInterval(() => {
    if (journal.isClosed) clearInterval(timer)
    else if (journal.damages.all.length > 0) void readAccepted(path).then((ids) => journal.damages.accept(ids))
  }, ACCEPTED_INTERVAL)
  timer.unref()
}

function without<Value>(name: string, values: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  return new Map([...values].filter(([other]) => other !== name))
}
