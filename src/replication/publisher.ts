import type { Logger } from '../logging/index.js'
import { blocksOf, type Entry, type RealtimeStatus, type RevocationList } from '../revocation/index.js'
import type { SweepBounds } from '../time/index.js'
import { PendingEnforcements } from './enforcements.js'
import { Follower, type FollowerLimits, type FollowerStatus, LIMITS, type PrimaryList } from './follower.js'
import { LEASE, monotonic, type PrimaryMessage, type RefusedToken, type WorkerMessage } from './messages.js'

/** Interval of lease renewals (ms); also the delay with which workers learn of a new `knownUntil`. */
const HEARTBEAT = 250
/** Most entries of a message: encoding and applying them takes about a millisecond. */
const ENTRIES_A_MESSAGE = 4_096
/** Most refused tokens of a worker's message. */
const MAX_REFUSED = 1_000
/** How long to wait until workers enforce a change (ms): a lease, after which a stalled worker can't serve, and a margin. */
export const ENFORCED_WITHIN = LEASE + 1_500

export interface PublisherOptions {
  readonly list: RevocationList
  /** The seed of the list's fingerprints. */
  readonly seed: Uint8Array
  /** For how long the list is still known, ms; Infinity for ever. */
  readonly remaining: () => number
  readonly realtimeStatus: RealtimeStatus
  /** The times by which the list is swept. */
  readonly bounds: () => SweepBounds
  /** Receives the `Date`s of servers that workers report. */
  readonly witness?: (server: string, date: number) => void
  readonly logger: Logger
  readonly limits?: FollowerLimits
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

/** The publisher's connection to one worker. */
export interface Subscription {
  /** Takes a message of the worker. */
  receive(message: WorkerMessage): void
  /** `undefined` until the worker has said hello. */
  status(): FollowerStatus | undefined
  /** Whether the worker is in sync, with a lease for a known list. */
  knows(): boolean
  close(): void
}

/** Keeps the workers' replicas equal to the list: a snapshot first, then every change, batched per turn of the event loop. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #primary: PrimaryList
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
    this.#primary = {
      seed: options.seed,
      get sequence() {
        return sequence()
      },
      names: () => ({ sources: options.list.sources.all, claimSets: options.list.claimSets.all }),
      export: () => options.list.export(),
      flush: () => this.flush(),
      lease: () => {
        const saidAt = now()
        const remaining = options.remaining()
        return { knownUntil: remaining > 0 ? saidAt + remaining : 0, saidAt, bounds: options.bounds() }
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
    // After pending input: a primary that was suspended first learns what was revoked meanwhile.
    this.#timer = setInterval(() => setImmediate(() => this.heartbeat()), HEARTBEAT)
    this.#timer.unref()
  }

  /** Serves a worker: it gets the list when it says hello. */
  subscribe(name: string, send: (message: PrimaryMessage) => void): Subscription {
    const { logger, limits } = this.#options
    let follower: Follower | undefined
    const hello = () => {
      const next = new Follower(this.#primary, send, limits ?? LIMITS, (state) => {
        if (state === 'behind') logger.warn('worker fell behind; sending a full snapshot', { worker: name })
        else logger.debug('worker replica state changed', { worker: name, state })
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
        else if (message.type === 'date') this.#options.witness?.(message.server, message.ahead + this.#primary.now())
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

  /** Renews every worker's lease, with until when the list is known. */
  heartbeat(): void {
    this.flush()
    for (const follower of this.#followers) follower.heartbeat()
    this.#settle()
  }

  /**
   * Resolves when every worker enforces what the list holds now: it has applied it, or cannot serve before it has (it awaits a
   * snapshot, its lease is over, or it has exited). Rejects with `UnconfirmedRevocation` after 6.5 s.
   */
  enforced(): Promise<void> {
    if (this.#enforcedUpTo() >= this.#sequence) return Promise.resolve()
    return this.#enforcements.wait(this.#sequence, this.#primary.now() + ENFORCED_WITHIN)
  }

  /** Sends the changes since the last flush. */
  flush(): void {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    const pending = this.#pending
    this.#pending = []
    const before = this.#sequence - pending.length
    for (let at = 0; at < pending.length; at += ENTRIES_A_MESSAGE) {
      const entries = pending.slice(at, at + ENTRIES_A_MESSAGE)
      const blocks = blocksOf(entries, ENTRIES_A_MESSAGE)
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
    if (!this.#enforcements.isEmpty) this.#enforcements.settle(this.#enforcedUpTo(), this.#primary.now())
  }

  #changed(entry: Entry): void {
    this.#sequence++
    if (this.#followers.size === 0) return
    this.#pending.push(entry)
    this.#scheduled ??= setImmediate(() => this.flush())
  }

  #refused(tokens: readonly RefusedToken[]): void {
    const now = Date.now()
    for (const { claims, ...token } of tokens.slice(0, MAX_REFUSED)) {
      this.#options.list.touch({ ...token, claims: { of: () => claims } }, now)
    }
  }
}
