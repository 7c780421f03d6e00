import type { EntryBlock } from '../revocation/index.js'
import { LEASE, type Lease, type PrimaryMessage, type PrimaryWord } from './messages.js'

/** Blocks of a snapshot that are under way at a time: about half a megabyte. */
const WINDOW = 8
/** The longest that they keep the primary at a time, ms. A collection of garbage may fall into it, and takes a few more. */
const SLICE = 1
/** For how long what a worker began within its lease may be under way, ms: a look at the list, and the write that follows. */
const PASSING = 250

export interface FollowerLimits {
  /** Entries that may be under way to a worker: beyond that it is primed anew instead. */
  readonly entries: number
  /** Messages that may be. */
  readonly messages: number
}

/** About 8 MB of tokens. */
export const LIMITS: FollowerLimits = { entries: 500_000, messages: 10_000 }

export type FollowerState = 'priming' | 'in step' | 'behind'

/** How a worker's replica stands. */
export interface FollowerStatus {
  readonly state: FollowerState
  /** The primary's sequence number that the replica is known to have reached. */
  readonly acknowledged: number
  /** What it has not acknowledged: entries, and for how long the oldest message has been under way (ms). */
  readonly lag: { readonly entries: number; readonly ms: number }
}

/** What a follower asks of the list that it follows. */
export interface Leader {
  readonly seed: Uint8Array
  readonly sequence: number
  sources(): readonly string[]
  export(): Iterator<EntryBlock>
  /** Sends what has changed, now. */
  flush(): void
  lease(): Lease
  /** Whether revocations come at once. */
  readonly isLive: boolean
  now(): number
}

interface UnderWay {
  readonly n: number
  readonly entries: number
  readonly block: boolean
  readonly sentAt: number
}

/** The primary's side of one worker's replica: what it was sent, what it has acknowledged, what it still needs. */
export class Follower {
  readonly #leader: Leader
  readonly #send: (message: PrimaryMessage) => void
  readonly #limits: FollowerLimits
  readonly #changed: (state: FollowerState) => void
  #state: FollowerState = 'priming'
  #sent = 0
  #underWay: UnderWay[] = []
  #entries = 0
  #blocks = 0
  #acknowledged = 0
  #sources = 0
  #told: { n: number; lease: Lease } | undefined
  #agreed: Lease | undefined
  /** Until when something may leave the worker by what it was told; monotonic ms. */
  #leaseEnds = 0
  #snapshot: Iterator<EntryBlock> | undefined
  #later: NodeJS.Immediate | undefined

  /** @param changed called when the replica gets into step or falls behind */
  constructor(
    leader: Leader,
    send: (message: PrimaryMessage) => void,
    limits: FollowerLimits,
    changed: (state: FollowerState) => void,
  ) {
    this.#leader = leader
    this.#send = send
    this.#limits = limits
    this.#changed = changed
  }

  /** Sends the whole list, at the worker's pace. */
  prime(): void {
    this.#become('priming')
    this.#say({ type: 'begin', seed: this.#leader.seed })
    this.#sources = 0
    this.#snapshot = this.#leader.export()
    this.#pump()
  }

  /** Sends nothing more of a snapshot. */
  close(): void {
    this.#snapshot = undefined
    clearImmediate(this.#later)
  }

  /** Changes of the list, in their binary form. */
  delta(blocks: readonly EntryBlock[], entries: number, sequence: number): void {
    if (this.#state === 'behind') return
    if (this.#entries + entries > this.#limits.entries || this.#underWay.length >= this.#limits.messages) {
      this.#snapshot = undefined
      this.#told = undefined
      this.#become('behind')
      this.#say({ type: 'stale' })
      return
    }
    this.#tellSources()
    this.#say({ type: 'delta', blocks, sequence }, entries)
  }

  /** Says that the primary lives; not to a worker that has left the last such word unanswered. */
  heartbeat(): void {
    if (this.#state !== 'in step' || this.#told !== undefined) return
    const lease = this.#leader.lease()
    this.#say({ type: 'alive', ...lease })
    this.#lend(lease)
  }

  /** Revocations begin, or cease, to come at once. One that is behind hears of it with its next snapshot. */
  realtime(isLive: boolean): void {
    if (this.#state !== 'behind') this.#say({ type: 'realtime', isLive })
  }

  /** The worker has applied all messages up to `n`, and so the list's changes up to `sequence`. */
  acknowledge(n: number, sequence: number): void {
    if (n > this.#sent) return
    this.#acknowledged = Math.max(this.#acknowledged, sequence)
    const done = this.#underWay.findIndex((each) => each.n > n)
    for (const each of this.#underWay.splice(0, done < 0 ? this.#underWay.length : done)) {
      this.#entries -= each.entries
      if (each.block) this.#blocks--
    }
    if (this.#told !== undefined && this.#told.n <= n) {
      this.#agreed = this.#told.lease
      this.#told = undefined
    }
    if (this.#state === 'behind' && this.#underWay.length === 0) {
      this.#leaseEnds = 0 // it has heard that it is behind
      this.prime()
    } else this.#pump()
  }

  /** Whether the worker answers for a list that is known. */
  get knows(): boolean {
    const { knownUntil = 0, saidAt = 0 } = this.#agreed ?? {}
    return this.#state === 'in step' && this.#leader.now() < Math.min(knownUntil, saidAt + LEASE)
  }

  /**
   * Up to which sequence number the worker enforces the list: what it has applied; everything while it can't serve, which
   * it does again only with all that was said before. What was sent, and a worker that stands still, count for nothing.
   */
  get enforcedUpTo(): number {
    return this.#leader.now() < this.#leaseEnds ? this.#acknowledged : Number.POSITIVE_INFINITY
  }

  status(): FollowerStatus {
    const oldest = this.#underWay[0]
    return {
      state: this.#state,
      acknowledged: this.#acknowledged,
      lag: {
        entries: Math.max(0, this.#leader.sequence - this.#acknowledged),
        ms: oldest === undefined ? 0 : Math.round(this.#leader.now() - oldest.sentAt),
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
      this.#tellSources()
      this.#say({ type: 'block', block: next.value }, 0, true)
    }
  }

  #end(): void {
    this.#leader.flush()
    if (this.#snapshot === undefined) return // what was flushed was too much
    this.#snapshot = undefined
    this.realtime(this.#leader.isLive)
    const lease = this.#leader.lease()
    this.#say({ type: 'end', sequence: this.#leader.sequence, ...lease })
    this.#lend(lease)
    this.#become('in step')
  }

  /** The word that was just said lets the worker serve for a while. */
  #lend(lease: Lease): void {
    this.#told = { n: this.#sent, lease }
    this.#leaseEnds = lease.saidAt + LEASE + PASSING
  }

  #tellSources(): void {
    const names = this.#leader.sources()
    if (names.length === this.#sources) return
    this.#sources = names.length
    this.#say({ type: 'sources', names: [...names] })
  }

  #say(word: PrimaryWord, entries = 0, block = false): void {
    const n = ++this.#sent
    this.#underWay.push({ n, entries, block, sentAt: this.#leader.now() })
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
