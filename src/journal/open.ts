import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../logging/index.js'
import type { JSONValue, RevocationList } from '../revocation/index.js'
import type { Fingerprinter } from '../token/index.js'
import { DAMAGE_NOTE, noteOf, readAccepted } from './damage.js'
import { Journal } from './journal.js'
import { Loading, type SeededList } from './loading.js'
import { JournalLocked } from './lock.js'
import { Ownership } from './ownership.js'
import { readSnapshot, type Snapshot } from './snapshot.js'
import { takeJournal } from './take.js'
import { isFirstStart } from './wholeness.js'

export interface OpenJournalOptions {
  readonly path: string
  /** Makes the list that the journal is of, once its seed is known. */
  readonly listOf: (fingerprints: Fingerprinter) => RevocationList
  readonly logger: Logger
  /** Epoch ms. Nothing is left out by it: it may be wrong. */
  readonly now: number
  /** What tells the sources from others: a mark that the list was in step speaks of them alone. */
  readonly sources: string
  /** Ids of damaged files whose loss an operator has accepted. */
  readonly accepted?: readonly string[]
}

export interface OpenedJournal {
  readonly journal: Journal
  readonly list: RevocationList
  readonly fingerprints: Fingerprinter
  /** When the list was last in step with its sources (epoch ms), as far as the file says; a damaged one says nothing. */
  readonly inStepAt: number | undefined
  /** The last value of each {@link Journal.note}; none if the file is damaged. */
  readonly notes: ReadonlyMap<string, JSONValue>
}

/** How long a first start waits for the journal of another process that has just begun one, ms, and how often it looks. */
const FIRST_JOURNAL_TIMEOUT = 5_000
const FIRST_JOURNAL_INTERVAL = 50
/** How often a journal is read again that another process may be replacing meanwhile. */
const ATTEMPTS = 3
/** How often an operator's word is looked for while it is needed, ms. */
const ACCEPTED_INTERVAL = 1_000

/**
 * Reads a journal into a list, whoever may write it, and owns it: now, or as soon as it can be had. What another process
 * has appended by then is read, too. Never rejects: {@link Journal.status} says why it is not owned,
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
      const snapshot = underLock ?? (await readSnapshot(path, loading))
      underLock = undefined
      await takeOver(opened.journal, path, snapshot, logger)
    },
    failed: (why) => {
      if (reason === '') {
        logger.warn('the journal cannot be written yet: what is revoked is not durable; trying again', {
          path,
          reason: why,
        })
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
    if (loading?.isTaking !== true) journal.append(entry)
  })
  journal.onDamage(() => void ownership.attempt())
  watchAccepted(path, journal)
  if (isFirstStart(snapshot.found)) logger.warn('no journal found: nothing is known of earlier revocations', { path })
  // One that is made now is there when this resolves; one that has to be replaced may be large.
  if ((await ownership.attempt()) && snapshot.found.contents === undefined) await journal.flush().catch(() => undefined)
  return { journal, ...read }
}

/** Another process may be about to make the journal, or to put a new file in its place, while it is read. */
async function readAtStart(
  options: OpenJournalOptions,
  claimed: 'locked' | 'in use' | 'not writable',
): Promise<Snapshot> {
  const deadline = performance.now() + FIRST_JOURNAL_TIMEOUT
  for (let attempt = 1; ; ) {
    const snapshot = await readSnapshot(options.path, new Loading(options, options.listOf))
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
  // Of a file that lacks something, nothing is believed that stands for all of it.
  const inStepAt = isWhole ? loading.inStepAt : undefined
  const notes = new Map(isWhole ? loading.notes : [[DAMAGE_NOTE, noteOf(damages)]])
  const { pending } = loading
  const parts = { path, seed: fingerprints.seed, list, pending, notes, logger, sources, inStepAt, damages }
  const journal = new Journal({ ...parts, release })
  journal.accept(accepted)
  for (const { id, reason } of journal.damages) logger.error('the journal is not whole', { path, reason, id })
  return { journal, list, fingerprints, inStepAt, notes: without(DAMAGE_NOTE, notes) }
}

async function takeOver(journal: Journal, path: string, snapshot: Snapshot, logger: Logger): Promise<void> {
  const { found, loading, damage, damages } = snapshot
  journal.lacks(loading.hasOtherSeed ? [...journal.damages, ...damages] : damages)
  const isUnreadable = damage !== undefined && (damage.id === undefined || found.contents?.header.state === 'version')
  // Whoever can read it may come back: it is left alone until what it holds is known otherwise, or given up.
  if (isUnreadable && journal.damages.length > 0) throw new Error(damage.reason)
  journal.own(await takeJournal(path, snapshot, logger))
}

/** Asks for an operator's word while it is needed. */
function watchAccepted(path: string, journal: Journal): void {
  const timer = setInterval(() => {
    if (journal.isClosed) clearInterval(timer)
    else if (journal.damages.length > 0) void readAccepted(path).then((ids) => journal.accept(ids))
  }, ACCEPTED_INTERVAL)
  timer.unref()
}

function without<Value>(name: string, values: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  return new Map([...values].filter(([other]) => other !== name))
}
