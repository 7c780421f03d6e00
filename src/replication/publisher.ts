import type { Logger } from '../logging/index.js'
import {
  type Entry,
  type EntryBlock,
  encodeEntries,
  type RealtimeStatus,
  type RevocationList,
} from '../revocation/index.js'
import type { Moments } from '../time/index.js'
import { PendingEnforcements } from './enforcements.js'
import { Follower, type FollowerLimits, type FollowerStatus, type Leader, LIMITS } from './follower.js'
import { LEASE, monotonic, type PrimaryMessage, type WorkerMessage } from './messages.js'

/** How often workers are told that the primary lives (ms); it is also how late they learn of a new `knownUntil`. */
const HEARTBEAT = 250
/** Entries of a message, at most: encoding and applying so many takes about a millisecond. */
const ENTRIES_A_MESSAGE = 4_096
/** Refused tokens that one message of a worker may name. */
const MAX_REFUSED = 1_000
/** How long it is waited for workers to enforce a change (ms): a lease, at whose end the one that stands still can't serve. */
const ENFORCED_WITHIN = LEASE + 1_500

export interface PublisherOptions {
  readonly list: RevocationList
  /** The seed of the list's fingerprints. */
  readonly seed: Uint8Array
  /** For how long the list is known yet, ms; Infinity for ever. */
  readonly remaining: () => number
  readonly realtimeStatus: RealtimeStatus
  /** By which the list is swept. */
  readonly moments: () => Moments
  /** Told what time workers heard that it is. */
  readonly witness?: (server: string, date: number) => void
  readonly logger: Logger
  readonly limits?: FollowerLimits
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

/** A worker as the publisher sees it. */
export interface Subscription {
  /** Takes what the worker said. */
  receive(message: WorkerMessage): void
  /** `undefined` until the worker has said hello. */
  status(): FollowerStatus | undefined
  /** Whether the worker is in step and knows that the list is known. */
  knows(): boolean
  close(): void
}

/** Keeps the replicas of all workers equal to the list: snapshots for new ones, then every change, in batches a turn. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #leader: Leader
  readonly #followers = new Set<Follower>()
  readonly #enforcements = new PendingEnforcements()
  readonly #unsubscribe: readonly (() => void)[]
  readonly #timer: NodeJS.Timeout
  #sequence = 0
  #pending: Entry[] = []
  #scheduled: NodeJS.Immediate | undefined

  constructor(options: PublisherOptions) {
    this.#options = options
    const now = options.now ?? monotonic
    const sequence = () => this.#sequence
    this.#leader = {
      seed: options.seed,
      get sequence() {
        return sequence()
      },
      sources: () => options.list.sources.all,
      export: () => options.list.export(),
      flush: () => this.flush(),
      lease: () => {
        const saidAt = now()
        const remaining = options.remaining()
        return { knownUntil: remaining > 0 ? saidAt + remaining : 0, saidAt, moments: options.moments() }
      },
      get isLive() {
        return options.realtimeStatus.isLive
      },
      now,
    }
    this.#unsubscribe = [
      options.list.onChange((entry) => this.#changed(entry)),
      options.realtimeStatus.onChange((isLive) =>
        this.#followers.forEach((follower) => void follower.realtime(isLive)),
      ),
    ]
    // After a look at what has come: a primary that stood still hears first what was revoked meanwhile.
    this.#timer = setInterval(() => setImmediate(() => this.heartbeat()), HEARTBEAT)
    this.#timer.unref()
  }

  /** Begins to serve a worker; it is sent the list when it says hello. */
  subscribe(name: string, send: (message: PrimaryMessage) => void): Subscription {
    const { logger, limits } = this.#options
    let follower: Follower | undefined
    const hello = () => {
      const next = new Follower(this.#leader, send, limits ?? LIMITS, (state) => {
        if (state === 'behind') logger.warn('a worker fell behind: it gets the list anew', { worker: name })
        else logger.debug('a worker’s replica', { worker: name, state })
      })
      follower = next
      this.#followers.add(next)
      next.prime()
    }
    return {
      receive: (message) => {
        if (message.type === 'ack') {
          follower?.acknowledge(message.n, message.sequence)
          this.#settle()
        } else if (message.type === 'refused') this.#refused(message.tokens)
        else if (message.type === 'date') this.#options.witness?.(message.server, message.ahead + this.#leader.now())
        else if (follower === undefined) hello()
      },
      status: () => follower?.status(),
      knows: () => follower?.knows === true,
      close: () => {
        if (follower === undefined) return
        follower.close()
        this.#followers.delete(follower)
        this.#settle()
      },
    }
  }

  /** Tells every worker that the primary lives, and until when the list is known. */
  heartbeat(): void {
    this.flush()
    for (const follower of this.#followers) follower.heartbeat()
    this.#settle()
  }

  /**
   * Resolves when every worker enforces what the list holds now: it has applied it, or it can't serve before it has, because
   * it is being sent the list, its lease is over, or it has ended. Rejects with `UnconfirmedRevocation` after 6.5 s.
   */
  enforced(): Promise<void> {
    if (this.#enforcedUpTo() >= this.#sequence) return Promise.resolve()
    return this.#enforcements.wait(this.#sequence, this.#leader.now() + ENFORCED_WITHIN)
  }

  /** Sends what has changed since the last time. */
  flush(): void {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    const pending = this.#pending
    this.#pending = []
    const before = this.#sequence - pending.length
    for (let at = 0; at < pending.length; at += ENTRIES_A_MESSAGE) {
      const entries = pending.slice(at, at + ENTRIES_A_MESSAGE)
      const blocks = blocksOf(entries)
      for (const follower of this.#followers) follower.delta(blocks, entries.length, before + at + entries.length)
    }
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    clearInterval(this.#timer)
    clearImmediate(this.#scheduled)
    for (const follower of this.#followers) follower.close()
    this.#followers.clear()
    this.#enforcements.close()
  }

  #enforcedUpTo(): number {
    let least = Number.POSITIVE_INFINITY
    for (const follower of this.#followers) least = Math.min(least, follower.enforcedUpTo)
    return least
  }

  #settle(): void {
    if (!this.#enforcements.isEmpty) this.#enforcements.settle(this.#enforcedUpTo(), this.#leader.now())
  }

  #changed(entry: Entry): void {
    this.#sequence++
    if (this.#followers.size === 0) return
    this.#pending.push(entry)
    this.#scheduled ??= setImmediate(() => this.flush())
  }

  #refused(tokens: readonly Parameters<RevocationList['touch']>[0][]): void {
    const now = Date.now()
    for (const token of tokens.slice(0, MAX_REFUSED)) this.#options.list.touch(token, now)
  }
}

function blocksOf(entries: readonly Entry[]): EntryBlock[] {
  return (['token', 'rule'] as const).flatMap((kind) => {
    const ofKind = entries.filter((entry) => entry.kind === kind)
    return ofKind.length === 0 ? [] : [encodeEntries(kind, ofKind)]
  })
}
