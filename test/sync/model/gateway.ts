import { copyFileSync } from 'node:fs'
import { type Journal, openJournal } from '../../../src/journal/index.js'
import { silent } from '../../../src/logging/index.js'
import type { JSONValue } from '../../../src/revocation/record.js'
import { RevocationList } from '../../../src/revocation/revocation-list.js'
import type { PersistentStore, RealtimeSource } from '../../../src/sources/source.js'
import { LAST_LISTING, type LastListing, lastListingNote, lastListingOf } from '../../../src/sync/last-listing.js'
import type { SynchronizerOptions } from '../../../src/sync/options.js'
import { Synchronizer } from '../../../src/sync/synchronizer.js'
import { Fingerprinter } from '../../../src/token/fingerprint.js'
import { identify } from '../../../src/token/identity.js'
import type { FakeClock } from '../../time/fake-clock.js'

export interface GatewayOptions
  extends Pick<SynchronizerOptions, 'failurePolicy' | 'startupGrace' | 'maxStaleness' | 'refreshInterval'> {
  readonly clock: FakeClock
  readonly realtime: RealtimeSource | undefined
  readonly store: PersistentStore | undefined
  /** Where the journal is; without one what is known ends with the gateway. */
  readonly journalPath: string | undefined
  readonly synchronizer?: typeof Synchronizer
  /** Told of each mark that the journal gets (epoch ms). */
  readonly marked: (at: number) => void
  /** Where the last listing is remembered, if not in the journal. */
  readonly keptElsewhere?: { last?: LastListing }
}

/** Milliseconds of the journal's age up to which it is believed, as by default. */
const MAX_AGE = 24 * 3_600_000
const SOURCES = 'model'
const RETENTION = 30 * 24 * 3_600_000

/** A gateway's revocations, put together as `openRevocations` does, on a clock of the test's. */
export class ModelGateway {
  readonly synchronizer: Synchronizer
  /** When the journal that it read says that it was in sync, if it is young enough. */
  readonly inStepAt: number | undefined
  readonly #clock: FakeClock
  readonly #list: RevocationList
  readonly #fingerprints: Fingerprinter
  readonly #journal: Journal | undefined

  private constructor(options: GatewayOptions, opened: Opened) {
    const { clock, realtime, store, synchronizer: Built = Synchronizer, marked, keptElsewhere, ...rest } = options
    this.#clock = clock
    this.#list = opened.list
    this.#fingerprints = opened.fingerprints
    this.#journal = opened.journal
    const { inStepAt } = opened
    this.inStepAt = inStepAt === undefined || clock.now() - inStepAt > MAX_AGE ? undefined : inStepAt
    const lastListing = keptElsewhere === undefined ? opened.lastListing : keptElsewhere.last
    this.synchronizer = new Built({
      ...rest,
      clock,
      ...(realtime === undefined ? {} : { realtime }),
      ...(store === undefined ? {} : { store }),
      ...(this.inStepAt === undefined ? {} : { journalInSyncAt: this.inStepAt }),
      ...(opened.position === undefined ? {} : { journalPosition: opened.position }),
      target: {
        apply: (record, source) => void this.#list.add(record, source, clock.now()),
        inSync: (at, position) => {
          marked(at)
          this.#journal?.inSync(at)
          if (position !== undefined) this.#journal?.note('position', position)
        },
        listed: (last) => {
          if (keptElsewhere !== undefined) keptElsewhere.last = last
          this.#journal?.note(LAST_LISTING, lastListingNote(last, SOURCES))
        },
      },
      ...(lastListing === undefined ? {} : { lastListing }),
      logger: silent('test'),
    })
  }

  static async open(options: GatewayOptions): Promise<ModelGateway> {
    return new ModelGateway(options, await openList(options))
  }

  enforces(id: string): boolean {
    const token = identify({ kind: 'opaque', token: id }, {}, this.#fingerprints)
    return this.#list.find(token) !== undefined
  }

  /** Removes what has expired, as happens all the time. */
  sweep(): void {
    while (!this.#list.sweep(this.#clock.now(), 1_000).finished);
  }

  /** Resolves when all that it knows is on disk, as it is 50 ms later at most. */
  async settled(): Promise<void> {
    await this.#journal?.flush()
  }

  /** A copy of the journal as a SIGKILL would leave it, at `path`. */
  journalTo(path: string): void {
    const status = this.#journal?.status()
    if (status !== undefined) copyFileSync(status.path, path)
  }

  async close(): Promise<void> {
    await this.synchronizer.stop()
    await this.#journal?.close()
  }
}

interface Opened {
  readonly list: RevocationList
  readonly fingerprints: Fingerprinter
  readonly journal: Journal | undefined
  readonly inStepAt: number | undefined
  readonly position?: JSONValue | undefined
  readonly lastListing?: LastListing | undefined
}

async function openList({ journalPath, clock }: GatewayOptions): Promise<Opened> {
  const listOf = (fingerprints: Fingerprinter) => new RevocationList({ fingerprints, retention: RETENTION })
  if (journalPath !== undefined) {
    const opened = await openJournal({
      path: journalPath,
      listOf,
      logger: silent('test'),
      now: clock.now(),
      sources: SOURCES,
    })
    return {
      ...opened,
      inStepAt: opened.inSyncAt,
      position: opened.notes.get('position'),
      lastListing: lastListingOf(opened.notes, SOURCES),
    }
  }
  const fingerprints = Fingerprinter.random()
  return { list: listOf(fingerprints), fingerprints, journal: undefined, inStepAt: undefined }
}
