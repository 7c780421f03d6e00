import type { Config } from '../config/index.js'
import { type Journal, type JournalStatus, openJournal } from '../journal/index.js'
import type { Logger, Logging } from '../logging/index.js'
import { OutboxDirectory } from '../outbox/index.js'
import { Publisher } from '../replication/index.js'
import {
  type Entry,
  type LiveRevocations,
  RealtimeStatus,
  type Revocation,
  RevocationList,
  type RevocationRecord,
  sweepExpired,
  UnconfirmedRevocation,
} from '../revocation/index.js'
import { openStore, openTopic, sourcesIdentity, takesRevocations } from '../sources/index.js'
import type { RealtimeSource } from '../sources/source.js'
import {
  LAST_LISTING,
  lastListingNote,
  lastListingOf,
  Synchronizer,
  type SynchronizerState,
  WriteBack,
  type WriteBackState,
} from '../sync/index.js'
import { NotedMoments, readMoments, systemClock, TrustedClock, within } from '../time/index.js'
import { Fingerprinter, type TokenIdentity } from '../token/index.js'

/** How long a revocation that came through the gateway may wait for the disk or the store, ms. */
const CONFIRMED_WITHIN = 5_000
/** What the list calls the source of revocations that came through the gateway itself. */
const HERE = 'gateway'
/** The journal's note of how far the store was read. */
const STORE_POSITION = 'store position'
/** The journal's note of the moments by which the list is swept. */
const CLOCK_NOTE = 'clock'

/** What is known of revocations, and how well. Holds no secret. */
export interface RevocationsState extends SynchronizerState {
  readonly entries: { readonly tokens: number; readonly rules: number }
  readonly journal: JournalStatus | { readonly enabled: false }
  /** Absent: there is no store, or none that takes revocations. */
  readonly writeBack?: WriteBackState
}

/** The revocation list with everything that feeds it: sources, synchronizer, journal. */
export class Revocations implements LiveRevocations {
  readonly fingerprints: Fingerprinter
  readonly #list: RevocationList
  readonly #journal: Journal | undefined
  readonly #synchronizer: Synchronizer
  readonly #realtimeStatus: RealtimeStatus
  readonly #writeBack: WriteBack | undefined
  readonly #release: () => Promise<unknown>
  readonly #trustedClock: TrustedClock
  readonly #moments: NotedMoments
  #stopSweeping = () => {}

  constructor(parts: {
    list: RevocationList
    fingerprints: Fingerprinter
    journal: Journal | undefined
    synchronizer: Synchronizer
    realtimeStatus: RealtimeStatus
    writeBack: WriteBack | undefined
    trustedClock: TrustedClock
    release: () => Promise<unknown>
  }) {
    this.fingerprints = parts.fingerprints
    this.#list = parts.list
    this.#journal = parts.journal
    this.#synchronizer = parts.synchronizer
    this.#realtimeStatus = parts.realtimeStatus
    this.#writeBack = parts.writeBack
    this.#trustedClock = parts.trustedClock
    this.#moments = new NotedMoments(parts.trustedClock, (moments) => parts.journal?.note(CLOCK_NOTE, { ...moments }))
    this.#release = parts.release
  }

  get isKnown(): boolean {
    return this.#synchronizer.watch.isKnown
  }

  onUnknown(listener: () => void): void {
    this.#synchronizer.watch.onUnknown(listener)
  }

  get endedBefore(): number {
    return this.#trustedClock.latest
  }

  /** The present moment, or one after it, as far as can be told (epoch ms). */
  get notBefore(): number {
    return this.#trustedClock.notBefore
  }

  witness(server: string, date: number): void {
    this.#trustedClock.witness(server, date)
  }

  find(token: TokenIdentity): Revocation | undefined {
    return this.#list.find(token)
  }

  refused(token: TokenIdentity, now: number): void {
    this.#list.touch(token, now)
  }

  /** Calls `listener`, synchronously, with each entry that is new or revokes more than before. */
  onChange(listener: (entry: Entry) => void): () => void {
    return this.#list.onChange(listener)
  }

  onRealtime(listener: (isLive: boolean) => void): void {
    this.#realtimeStatus.onChange(listener)
  }

  /**
   * Enters a revocation that came through this gateway itself. Resolves when the list has it, and it is durable: the disk
   * has it and what the store is still to be told, or the store has taken it. Rejects with {@link UnconfirmedRevocation}
   * when that can't be had, or is not so after {@link CONFIRMED_WITHIN}; the attempts go on. Without a journal, by the
   * configuration, and without a store that takes revocations, the list is all there is.
   *
   * @param record nothing: those that were entered before are to be durable
   */
  async revokeHere(record: RevocationRecord | undefined): Promise<void> {
    if (record !== undefined) this.#list.add(record, HERE, Date.now())
    const put = record === undefined ? this.#writeBack?.all() : this.#writeBack?.put(record)
    const disk = this.#journal && Promise.all([this.#journal.flush(), put?.kept])
    const ways = [disk, put?.taken].filter((way) => way !== undefined)
    if (ways.length === 0) return
    const late = () => new Error(`not durable within ${CONFIRMED_WITHIN} ms`)
    try {
      await within<unknown>(CONFIRMED_WITHIN, Promise.any(ways), late)
    } catch (error) {
      throw notDurable(error)
    }
  }

  start(): void {
    this.#synchronizer.start()
    this.#writeBack?.start()
    this.#moments.start()
    this.#stopSweeping = sweepExpired(
      () => this.#list,
      () => this.#moments.sweptBy(),
      systemClock,
    )
  }

  known(): Promise<void> {
    return this.#synchronizer.known()
  }

  /** What keeps the replicas of worker processes equal to this list, until it is closed. */
  publisher(logger: Logger): Publisher {
    const publisher = new Publisher({
      list: this.#list,
      seed: this.fingerprints.seed,
      remaining: () => this.#synchronizer.knownUntil - performance.now(),
      realtimeStatus: this.#realtimeStatus,
      moments: () => this.#moments.sweptBy(),
      witness: (server, date) => this.witness(server, date),
      logger,
    })
    void this.known().then(() => publisher.heartbeat())
    return publisher
  }

  state(): RevocationsState {
    return {
      ...this.#synchronizer.state(),
      entries: this.#list.size,
      journal: this.#journal?.status() ?? { enabled: false },
      ...(this.#writeBack === undefined ? {} : { writeBack: this.#writeBack.state() }),
    }
  }

  /** Stops the sources and writes what the journal still holds back. */
  async close(): Promise<void> {
    this.#stopSweeping()
    this.#moments.stop()
    await this.#synchronizer.stop()
    await this.#writeBack?.stop()
    await this.#journal?.close()
    await this.#release()
  }
}

/** What waits for the store is kept beside the journal, in a directory of its own. */
function outboxOf(journalPath: string): OutboxDirectory {
  return new OutboxDirectory(`${journalPath.replace(/\.journal$/, '')}.outbox`)
}

function notDurable(error: unknown): UnconfirmedRevocation {
  const cause = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error
  return new UnconfirmedRevocation('ERR_REVOCATION_NOT_DURABLE', 'the revocation is not durable', { cause })
}

/**
 * Opens the journal, reads it, and makes the sources; `start()` starts them. Throws `SourceError` for a source that
 * cannot be made; a journal that cannot be written, or read whole, is a warning.
 */
export async function openRevocations(config: Config, logging: Logging): Promise<Revocations> {
  const { tokenRevocationConfig: settings } = config
  const logger = logging('TokenRevocation')
  const topic = await openTopic(config, logging)
  const holder: { clock?: TrustedClock } = {}
  const opened = await openStore(config, logging, (server, date) => holder.clock?.witness(server, date))
  const store = opened?.store

  const { journal, list, fingerprints, inStepAt, notes } = await openList(
    config,
    logger,
    () => holder.clock?.retained ?? Date.now(),
  )
  const trustedClock = new TrustedClock(systemClock, readMoments(notes?.get(CLOCK_NOTE)), inStepAt)
  holder.clock = trustedClock
  const position = notes?.get(STORE_POSITION)
  const sources = sourcesIdentity(config)
  const lastListing = notes && lastListingOf(notes, sources)
  const writable = takesRevocations(store)
  if (!settings.journal.enable && !writable) {
    logger.warn(
      'the journal is off and no store takes revocations: a restart forgets what was revoked through the gateway',
    )
  }
  const realtimeStatus = new RealtimeStatus()
  const synchronizer = new Synchronizer({
    onRealtime: (isLive) => realtimeStatus.set(isLive),
    ...(topic === undefined ? {} : { realtime: storedIn(journal, topic) }),
    ...(store === undefined ? {} : { store }),
    target: {
      apply: (record: RevocationRecord, source) => void list.add(record, source, Date.now()),
      inStep(at, position) {
        journal?.inStep(at)
        if (position !== undefined) journal?.note(STORE_POSITION, position)
      },
      // Written after the entries that it speaks of, and only if all of them are in the file.
      listed: (last) => journal?.note(LAST_LISTING, lastListingNote(last, sources)),
      complete: () => journal?.listed(),
    },
    ...(lastListing === undefined ? {} : { lastListing }),
    failurePolicy: settings.failurePolicy,
    startupGrace: settings.startupGrace,
    maxStaleness: settings.maxStaleness,
    refreshInterval: settings.persistent.refreshInterval,
    ...(inStepAt === undefined || Date.now() - inStepAt > settings.journal.maxAge ? {} : { journalInStepAt: inStepAt }),
    isJournalRecent: () => inStepAt !== undefined && trustedClock.notBefore - inStepAt <= settings.journal.maxAge,
    ...(position === undefined ? {} : { journalPosition: position }),
    serveWhileListing: settings.persistent.serveWhileListing,
    journalLoss: () => lossOf(journal),
    logger,
  })
  journal?.onDamage(() => synchronizer.journalChanged())
  return new Revocations({
    list,
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
          moments: () => trustedClock.moments(),
          logger,
        })
      : undefined,
    trustedClock,
    release: async () => opened?.close(),
  })
}

/** The topic, told when what it delivers is in the journal: a durable subscription acknowledges nothing before. */
function storedIn(journal: Journal | undefined, topic: RealtimeSource): RealtimeSource {
  if (journal === undefined) return topic
  const stored = () => journal.flush()
  return { ...topic, run: (sink, signal) => topic.run({ ...sink, stored }, signal) }
}

/** What holds the list back, and what an operator can do about it, for people. */
function lossOf(journal: Journal | undefined): string | undefined {
  const [damage, ...others] = journal?.damages ?? []
  if (damage === undefined) return undefined
  const { id, reason } = damage
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  const remedy =
    id === undefined ? 'make it readable and restart' : `mgw journal accept-damaged ${id} gives up what is lost`
  return `the journal is not whole: ${reason}${more}; ${remedy}`
}

/** The list with what its journal holds; an empty one if it is off. */
async function openList(config: Config, logger: Logger, retained: () => number) {
  const { journal: settings, retention } = config.tokenRevocationConfig
  const { timestampSkew } = config.server
  const listOf = (fingerprints: Fingerprinter) =>
    new RevocationList({ fingerprints, timestampSkew, retention, retained })
  if (!settings.enable) {
    const fingerprints = Fingerprinter.random()
    return { journal: undefined, list: listOf(fingerprints), fingerprints, inStepAt: undefined, notes: undefined }
  }
  const opened = await openJournal({
    path: settings.path,
    listOf,
    logger,
    now: Date.now(),
    sources: sourcesIdentity(config),
    accepted: settings.acceptDamagedJournal === undefined ? [] : [settings.acceptDamagedJournal],
  })
  logger.info('the journal was read', { ...opened.list.size })
  return opened
}
