import {
  decodeEntries,
  type Entry,
  type EntryBlock,
  type LiveRevocations,
  RealtimeStatus,
  type Retention,
  type Revocation,
  RevocationList,
  sweepExpired,
} from '../revocation/index.js'
import { KnownStatus, type SweepBounds, systemClock } from '../time/index.js'
import { Fingerprinter, type TokenIdentity } from '../token/index.js'
import { packageVersion } from '../version.js'
import { LEASE, type Lease, monotonic, type PrimaryMessage, type WorkerMessage } from './messages.js'

/** Refused tokens are reported in batches: after this delay (ms), at most so many. */
const REFUSED_DELAY = 100
const MAX_REFUSED = 1_000

export interface ReplicaOptions extends Retention {
  /** Sends to the primary. */
  readonly send: (message: WorkerMessage) => void
  /** Monotonic milliseconds, of the same clock as the primary's. */
  readonly now?: () => number
}

/**
 * A worker's copy of the primary's list. It is known for as long as the primary's is, while in sync, for at most 5 s after
 * the primary's last message.
 */
export class Replica implements LiveRevocations {
  readonly #options: ReplicaOptions
  readonly #now: () => number
  readonly #realtimeStatus = new RealtimeStatus()
  readonly #stopSweeping: () => void
  #onPrimed: (() => void)[] = []
  #content: { list: RevocationList; fingerprints: Fingerprinter } | undefined
  #translation: Uint8Array | undefined
  #primed = false
  #primedOnce = false
  #sequence = 0
  #last = 0
  #acknowledging: NodeJS.Immediate | undefined
  readonly #status: KnownStatus
  /** Until when the list is known unless the primary renews it; by the clock that all processes share. */
  #knownUntil = 0
  #orphaned = false
  #bounds: SweepBounds | undefined
  #refused: TokenIdentity[] = []
  #reporting: NodeJS.Timeout | undefined

  constructor(options: ReplicaOptions) {
    this.#options = options
    this.#now = options.now ?? monotonic
    this.#status = new KnownStatus(() => this.#knownUntil - this.#now())
    this.#stopSweeping = sweepExpired(
      () => this.#content?.list,
      () => this.#bounds,
      systemClock,
    )
  }

  /** Requests the list. Resolves when this copy equals the primary's at some sequence number. */
  follow(): Promise<void> {
    return new Promise((resolve) => {
      this.#onPrimed.push(resolve)
      this.#options.send({ type: 'hello', version: packageVersion() })
    })
  }

  get fingerprints(): Fingerprinter {
    return this.#filled().fingerprints
  }

  get list(): RevocationList {
    return this.#filled().list
  }

  get isKnown(): boolean {
    return this.#status.isKnown
  }

  onUnknown(listener: () => void): void {
    this.#status.onUnknown(listener)
  }

  /** The primary is gone: the list is never known again. */
  orphan(): void {
    this.#orphaned = true
    this.#setKnownUntil(0)
  }

  get endedBefore(): number {
    return this.#bounds?.endedBefore ?? Number.NEGATIVE_INFINITY
  }

  get droppedBefore(): number {
    return this.#bounds?.droppedBefore ?? Number.NEGATIVE_INFINITY
  }

  witness(server: string, date: number): void {
    this.#options.send({ type: 'date', server, ahead: date - this.#now() })
  }

  find(token: TokenIdentity): Revocation | undefined {
    return this.#filled().list.find(token)
  }

  refused(token: TokenIdentity, now: number): void {
    // Only those that change something here need reporting. One dropped here is reported at its next request.
    if (this.#refused.length >= MAX_REFUSED || !this.#filled().list.touch(token, now)) return
    this.#refused.push(token)
    this.#reporting ??= setTimeout(() => this.#reportRefused(), REFUSED_DELAY)
  }

  onChange(listener: (entry: Entry) => void): () => void {
    return this.#filled().list.onChange(listener)
  }

  onRealtime(listener: (isLive: boolean) => void): void {
    this.#realtimeStatus.onChange(listener)
  }

  /** Takes a message of the primary. */
  receive(message: PrimaryMessage): void {
    this.#take(message)
    this.#last = message.n
    this.#acknowledging ??= setImmediate(() => {
      this.#acknowledging = undefined
      this.#options.send({ type: 'ack', n: this.#last, sequence: this.#sequence })
    })
  }

  close(): void {
    this.#stopSweeping()
    this.#status.close()
    clearTimeout(this.#reporting)
    clearImmediate(this.#acknowledging)
  }

  #take(message: PrimaryMessage): void {
    switch (message.type) {
      case 'begin':
        this.#begin(message.seed)
        break
      case 'names':
        this.#translation = this.list.sources.translation(message.sources)
        for (const set of message.claimSets) this.list.claimSets.restore(set)
        break
      case 'block':
        this.#enter(message.block)
        break
      case 'delta':
        for (const block of message.blocks) this.#enter(block)
        // Before the end of a snapshot it does not tell what came before it.
        if (this.#primed) this.#sequence = message.sequence
        break
      case 'end':
        this.#primed = true
        this.#primedOnce = true
        this.#sequence = message.sequence
        this.#renew(message)
        for (const resolve of this.#onPrimed.splice(0)) resolve()
        break
      case 'realtime':
        this.#realtimeStatus.set(message.isLive)
        break
      case 'alive':
        this.#renew(message)
        break
      case 'stale':
        this.#primed = false
        this.#setKnownUntil(0)
        this.#realtimeStatus.set(false)
        break
    }
  }

  #begin(seed: Uint8Array): void {
    if (this.#content !== undefined) return
    const fingerprints = new Fingerprinter(seed)
    const { retention } = this.#options
    const retained = () => this.#bounds?.retained ?? Date.now()
    this.#content = { fingerprints, list: new RevocationList({ fingerprints, retention, retained }) }
  }

  /** Imports the first snapshot in bulk; later entries one by one, so that listeners end open requests. */
  #enter(block: EntryBlock): void {
    const { list } = this.#filled()
    if (!this.#primedOnce) {
      list.import(block, this.#translation)
      return
    }
    for (const entry of decodeEntries(block)) {
      list.addEntry({ ...entry, source: this.#translation?.[entry.source] ?? entry.source })
    }
  }

  #renew({ knownUntil, saidAt, bounds }: Lease): void {
    this.#bounds = bounds
    if (!this.#orphaned) this.#setKnownUntil(Math.min(knownUntil, saidAt + LEASE))
  }

  /** Reads `isKnown` before and after: a lease that ran out is reported even if a new one follows at once. */
  #setKnownUntil(moment: number): void {
    void this.isKnown
    this.#knownUntil = moment
    void this.isKnown
  }

  #reportRefused(): void {
    this.#reporting = undefined
    const sets = this.list.claimSets.all
    const tokens = this.#refused.map((token) => ({ ...token, claims: token.claims.of(sets) }))
    this.#refused = []
    this.#options.send({ type: 'refused', tokens })
  }

  #filled() {
    if (this.#content === undefined) throw new TypeError('the replica has no snapshot yet')
    return this.#content
  }
}
