import type { Config } from '../config/index.js'
import { type Journal, openJournal } from '../journal/index.js'
import type { Logger, Logging } from '../logging/index.js'
import { OutboxDirectory } from '../outbox/index.js'
import { RealtimeStatus, RevocationList, TooManyClaimSets } from '../revocation/index.js'
import { type OpenStore, openStore, openTopic, sourcesIdentity, takesRevocations } from '../sources/index.js'
import type { RealtimeSource } from '../sources/source.js'
import {
  LAST_LISTING,
  lastListingNote,
  lastListingOf,
  type RevocationTarget,
  Synchronizer,
  WriteBack,
} from '../sync/index.js'
import { ClockCheckpoint, readCheckpoint, Standstill, systemClock, TrustedClock } from '../time/index.js'
import { Fingerprinter } from '../token/index.js'
import { onlyIssuer } from './issuers.js'
import { RecentRevocations } from './recent-revocations.js'
import { type Learnt, Revocations } from './revocations.js'

/** A rule that cannot be taken is logged once in this time, ms. */
const ERROR_EVERY = 60_000
/** Name of the journal's note of how far the store was read. */
const STORE_POSITION = 'store position'
/** Name of its note of the {@link ClockCheckpoint}. */
const CLOCK_NOTE = 'clock'

/** The sources that a configuration names. They connect when {@link openRevocations}' result is started. */
export interface Sources {
  readonly topic: RealtimeSource | undefined
  readonly store: OpenStore | undefined
  /** What the dates in the store's answers are told to, once it is there. */
  readonly clock: { current?: TrustedClock }
}

/**
 * Creates the sources, without connecting. Throws `SourceError` for one that cannot be created.
 *
 * @param options.mayWrite whether a name of this gateway may be saved, for a durable subscription; default true
 */
export async function openSources(
  config: Config,
  logging: Logging,
  options: { readonly mayWrite?: boolean } = {},
): Promise<Sources> {
  const clock: Sources['clock'] = {}
  const topic = await openTopic(config, logging, options)
  const store = await openStore(config, logging, {
    witness: (server, date) => clock.current?.witness(server, date),
    notAfter: () => clock.current?.notAfter ?? Date.now(),
  })
  return { topic, store, clock }
}

/**
 * Opens and reads the journal; `start()` starts the sources, which are closed with the result. A journal that cannot be
 * written, or not be read in full, is a warning. `learnt` is told of what is new.
 */
export async function openRevocations(
  config: Config,
  logging: Logging,
  sources?: Sources,
  learnt: Learnt = () => undefined,
): Promise<Revocations> {
  const { tokenRevocationConfig: settings } = config
  const logger = logging('TokenRevocation')
  const { topic, store: opened, clock } = sources ?? (await openSources(config, logging))
  const store = opened?.store
  const read = await openList(config, logger, () => clock.current?.retained ?? Date.now())
  const { journal, list, fingerprints } = read
  const earlier = readCheckpoint(read.notes?.get(CLOCK_NOTE))
  const trustedClock = new TrustedClock(systemClock, earlier, read.inSyncAt)
  const checkpoint = new ClockCheckpoint(trustedClock, config.server.timestampSkew, earlier, (noted) =>
    journal?.note(CLOCK_NOTE, { ...noted }),
  )
  clock.current = trustedClock
  if (!settings.journal.enable && !takesRevocations(store)) {
    logger.warn(
      'the journal is off and no store takes revocations: revocations through the gateway are lost on restart',
    )
  }
  const issuer = onlyIssuer(config)
  const realtimeStatus = new RealtimeStatus()
  const recent = new RecentRevocations(list)
  const synchronizer = new Synchronizer({
    onRealtime: (isLive) => realtimeStatus.set(isLive),
    ...(topic === undefined ? {} : { realtime: storedIn(journal, topic) }),
    ...(store === undefined ? {} : { store }),
    hasStreams: config.identityProvider.some(({ ssf }) => ssf?.delivery === 'poll'),
    target: targetOf(recent, journal, sourcesIdentity(config), logger, learnt),
    failurePolicy: settings.failurePolicy,
    startupGrace: settings.startupGrace,
    maxStaleness: settings.maxStaleness,
    refreshInterval: settings.persistent.refreshInterval,
    serveWhileListing: settings.persistent.serveWhileListing,
    standstill: new Standstill(),
    ...journalOptions(config, read, trustedClock),
    logger,
  })
  journal?.damages.onChange(() => synchronizer.journalChanged())
  return new Revocations({
    list,
    recent,
    fingerprints,
    journal,
    synchronizer,
    realtimeStatus,
    writeBack: takesRevocations(store)
      ? new WriteBack({
          store,
          journal,
          directory: settings.journal.enable ? outboxOf(settings.journal.path) : undefined,
          retention: settings.retention,
          ...(issuer === undefined ? {} : { onlyIssuer: issuer }),
          bounds: () => trustedClock.bounds(),
          logger,
        })
      : undefined,
    trustedClock,
    learnt,
    checkpoint,
    release: async () => opened?.close(),
  })
}

/** The list, and what the journal is told of it. `sources` identifies the sources. */
function targetOf(
  list: RecentRevocations,
  journal: Journal | undefined,
  sources: string,
  logger: Logger,
  learnt: Learnt,
): RevocationTarget {
  return {
    apply: taking(list, logger, learnt),
    inSync(at, position) {
      journal?.inSync(at)
      if (position !== undefined) journal?.note(STORE_POSITION, position)
    },
    // Written after the listing's entries, and only if all of them are in the file.
    listed: (last) => journal?.note(LAST_LISTING, lastListingNote(last, sources)),
    complete: () => journal?.damages.listed(),
  }
}

/** Adds sources' records; that one cannot be taken is an error in the log, once a minute, and nothing else is lost with it. */
function taking(list: RecentRevocations, logger: Logger, learnt: Learnt): RevocationTarget['apply'] {
  let errorAt = Number.NEGATIVE_INFINITY
  return (record, source) => {
    try {
      if (list.add(record, source, Date.now()) > 0) learnt(record, source)
    } catch (error) {
      if (!(error instanceof TooManyClaimSets)) throw error
      const now = performance.now()
      if (now < errorAt + ERROR_EVERY) return
      errorAt = now
      logger.error('a rule about claims is not enforced', error, { source })
    }
  }
}

/** What the journal says of the list, and how far that is to be believed. */
function journalOptions(config: Config, { journal, inSyncAt, notes }: ReadList, trustedClock: TrustedClock) {
  const { maxAge } = config.tokenRevocationConfig.journal
  const position = notes?.get(STORE_POSITION)
  const lastListing = notes && lastListingOf(notes, sourcesIdentity(config))
  return {
    ...(inSyncAt === undefined || Date.now() - inSyncAt > maxAge ? {} : { journalInSyncAt: inSyncAt }),
    isJournalRecent: () => inSyncAt !== undefined && trustedClock.notBefore - inSyncAt <= maxAge,
    ...(position === undefined ? {} : { journalPosition: position }),
    ...(lastListing === undefined ? {} : { lastListing }),
    journalLoss: () => lossOf(journal),
  }
}

/** The topic, with a sink that tells when records are in the journal: a durable subscription acknowledges only then. */
function storedIn(journal: Journal | undefined, topic: RealtimeSource): RealtimeSource {
  if (journal === undefined) return topic
  const stored = () => journal.flush()
  return { ...topic, run: (sink, signal) => topic.run({ ...sink, stored }, signal) }
}

/** Why the journal cannot stand in for the list, and what an operator can do about it, for people. */
function lossOf(journal: Journal | undefined): string | undefined {
  const [damage, ...others] = journal?.damages.all ?? []
  if (damage === undefined) return undefined
  const { id, reason } = damage
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  const remedy = id === undefined ? 'make it readable and restart' : `mgw journal accept-damaged ${id} accepts the loss`
  return `the journal has lost entries: ${reason}${more}; ${remedy}`
}

type ReadList = Awaited<ReturnType<typeof openList>>

/** The list as its journal holds it; an empty one if the journal is off. */
async function openList(config: Config, logger: Logger, retained: () => number) {
  const { journal: settings, retention } = config.tokenRevocationConfig
  const listOf = (fingerprints: Fingerprinter) => new RevocationList({ fingerprints, retention, retained })
  if (!settings.enable) {
    const fingerprints = Fingerprinter.random()
    return { journal: undefined, list: listOf(fingerprints), fingerprints, inSyncAt: undefined, notes: undefined }
  }
  const opened = await openJournal({
    path: settings.path,
    listOf,
    logger,
    now: Date.now(),
    sources: sourcesIdentity(config),
    accepted: settings.acceptDamagedJournal === undefined ? [] : [settings.acceptDamagedJournal],
  })
  logger.info('journal read', { ...opened.list.size })
  return opened
}

/** Revocations that wait for the store are kept in a directory beside the journal. */
function outboxOf(journalPath: string): OutboxDirectory {
  return new OutboxDirectory(`${journalPath.replace(/\.journal$/, '')}.outbox`)
}
