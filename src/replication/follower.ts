import type { EntryBlock } from '../revocation/index.js'
import type { ClaimSet } from '../token/index.js'
import { LEASE, type Lease, type PrimaryMessage, type PrimaryWord } from './messages.js'

/** Unacknowledged blocks of a snapshot at a time: about half a megabyte. */
const WINDOW = 8
/** Longest time that sending them may block the primary, ms; a garbage collection may add a few. */
const SLICE = 1
/** Milliseconds after its lease within which a worker finishes what it began before: a look-up, and the write that follows. */
const PASSING = 250

export interface FollowerLimits {
  /** Unacknowledged entries; beyond that the worker gets a new snapshot instead. */
  readonly entries: number
  /** Unacknowledged messages. */
  readonly messages: number
}

/** About 8 MB of tokens. */
export const LIMITS: FollowerLimits = { entries: 500_000, messages: 10_000 }

export type FollowerState = 'priming' | 'in sync' | 'behind'

/** State of a worker's replica. */
export interface FollowerStatus {
  readonly state: FollowerState
  /** The primary's sequence number that the replica has acknowledged. */
  readonly acknowledged: number
  /** Not acknowledged: entries, and the age of the oldest message (ms). */
  readonly lag: { readonly entries: number; readonly ms: number }
}

/** The primary's list, as followers use it. */
export interface PrimaryList {
  readonly seed: Uint8Array
  readonly sequence: number
  /** The names that entries refer to. */
  names(): { readonly sources: readonly string[]; readonly claimSets: readonly ClaimSet[] }
  export(): Iterator<EntryBlock>
  /** Sends pending changes now. */
  flush(): void
  lease(): Lease
  /** Whether the topic subscription is live. */
  readonly isLive: boolean
  now(): number
}

interface UnderWay {
  readonly n: number
  readonly entries: number
  readonly block: boolean
  readonly sentAt: number
}

/** The primary's side of one worker's replica: what was sent, what is acknowledged, what is missing. */
export class Follower {
  readonly #list: PrimaryList
  readonly #send: (message: PrimaryMessage) => void
  readonly #limits: FollowerLimits
  readonly #changed: (state: FollowerState) => void
  #state: FollowerState = 'priming'
  #sent = 0
  #underWay: UnderWay[] = []
  #entries = 0
  #blocks = 0
  #acknowledged = 0
  /** How many of the names it was told. */
  #names = 0
  #offered: { n: number; lease: Lease } | undefined
  #accepted: Lease | undefined
  /** Until when the worker may serve by the leases sent so far; monotonic ms. */
  #leaseEnds = 0
  #snapshot: Iterator<EntryBlock> | undefined
  #later: NodeJS.Immediate | undefined

  /** @param changed called when the state changes */
  constructor(
    list: PrimaryList,
    send: (message: PrimaryMessage) => void,
    limits: FollowerLimits,
    changed: (state: FollowerState) => void,
  ) {
    this.#list = list
    this.#send = send
    this.#limits = limits
    this.#changed = changed
  }

  /** Sends a snapshot of the list, at the worker's pace. */
  prime(): void {
    this.#become('priming')
    this.#post({ type: 'begin', seed: this.#list.seed })
    this.#names = 0
    this.#snapshot = this.#list.export()
    this.#pump()
  }

  /** Stops sending. */
  close(): void {
    this.#snapshot = undefined
    clearImmediate(this.#later)
  }

  /** Sends changes of the list, in binary form. */
  delta(blocks: readonly EntryBlock[], entries: number, sequence: number): void {
    if (this.#state === 'behind') return
    if (this.#entries + entries > this.#limits.entries || this.#underWay.length >= this.#limits.messages) {
      this.#snapshot = undefined
      this.#offered = undefined
      this.#become('behind')
      this.#post({ type: 'stale' })
      return
    }
    this.#tellNames()
    this.#post({ type: 'delta', blocks, sequence }, entries)
  }

  /** Renews the lease, unless the worker has not acknowledged the last renewal. */
  heartbeat(): void {
    if (this.#state !== 'in sync' || this.#offered !== undefined) return
    const lease = this.#list.lease()
    this.#post({ type: 'alive', ...lease })
    this.#leased(lease)
  }

  /** Sends whether the topic is live. A follower that is behind gets it with the next snapshot. */
  realtime(isLive: boolean): void {
    if (this.#state !== 'behind') this.#post({ type: 'realtime', isLive })
  }

  /** The worker has applied all messages up to `n`, and so all changes up to `sequence`. */
  acknowledge(n: number, sequence: number): void {
    if (n > this.#sent) return
    this.#acknowledged = Math.max(this.#acknowledged, sequence)
    const done = this.#underWay.findIndex((each) => each.n > n)
    for (const each of this.#underWay.splice(0, done < 0 ? this.#underWay.length : done)) {
      this.#entries -= each.entries
      if (each.block) this.#blocks--
    }
    if (this.#offered !== undefined && this.#offered.n <= n) {
      this.#accepted = this.#offered.lease
      this.#offered = undefined
    }
    if (this.#state === 'behind' && this.#underWay.length === 0) {
      this.#leaseEnds = 0 // it knows that it is behind
      this.prime()
    } else this.#pump()
  }

  /** Whether the worker is in sync, with a lease for a known list. */
  get knows(): boolean {
    const { knownUntil = 0, saidAt = 0 } = this.#accepted ?? {}
    return this.#state === 'in sync' && this.#list.now() < Math.min(knownUntil, saidAt + LEASE)
  }

  /**
   * Up to which sequence number the worker enforces the list: what it has acknowledged; or everything, once its lease is over:
   * it serves again only after applying all earlier messages. Messages sent but not acknowledged do not count.
   */
  get enforcedUpTo(): number {
    return this.#list.now() < this.#leaseEnds ? this.#acknowledged : Number.POSITIVE_INFINITY
  }

  status(): FollowerStatus {
    const oldest = this.#underWay[0]
    return {
      state: this.#state,
      acknowledged: this.#acknowledged,
      lag: {
        entries: Math.max(0, this.#list.sequence - this.#acknowledged),
        ms: oldest === undefined ? 0 : Math.round(this.#list.now() - oldest.sentAt),
      },
    }
  }

  #pump(): void {
    const started = performance.now()
    while (this.#snapshot !== undefined && this.#blocks < WINDOW) {
      if (performance.now() - started > SLICE) {
        this.#later ??= setImmediate(() => {
          this.#later = undefined
          this.#pump()
        })
        return
      }
      const next = this.#snapshot.next()
      if (next.done === true) {
        this.#end()
        return
      }
      this.#tellNames()
      this.#post({ type: 'block', block: next.value }, 0, true)
    }
  }

  #end(): void {
    this.#list.flush()
    if (this.#snapshot === undefined) return // the flush put it behind
    this.#snapshot = undefined
    this.realtime(this.#list.isLive)
    const lease = this.#list.lease()
    this.#post({ type: 'end', sequence: this.#list.sequence, ...lease })
    this.#leased(lease)
    this.#become('in sync')
  }

  /** The message just sent carries this lease. */
  #leased(lease: Lease): void {
    this.#offered = { n: this.#sent, lease }
    this.#leaseEnds = lease.saidAt + LEASE + PASSING
  }

  #tellNames(): void {
    const { sources, claimSets } = this.#list.names()
    if (sources.length + claimSets.length === this.#names) return
    this.#names = sources.length + claimSets.length
    this.#post({ type: 'names', sources: [...sources], claimSets: [...claimSets] })
  }

  #post(word: PrimaryWord, entries = 0, block = false): void {
    const n = ++this.#sent
    this.#underWay.push({ n, entries, block, sentAt: this.#list.now() })
    this.#entries += entries
    if (block) this.#blocks++
    this.#send({ n, ...word })
  }

  #become(state: FollowerState): void {
    if (state === this.#state) return
    this.#state = state
    this.#changed(state)
  }
}
