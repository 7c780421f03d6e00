import { TTL_TOLERANCE } from '../etcd/join.js'
import type { EtcdConnection } from './connection.js'
import { failureOf } from './error.js'

/** How many keys' leases are remembered whose writes were not answered; those of others end by themselves. */
const MOST = 1_000

/**
 * The leases of one etcd. Revoking a lease deletes the keys that have it, so that is done only where no write with it can have gone
 * through. One whose write was not answered is used again by the next attempt at its key.
 */
export class Leases {
  readonly #connection: EtcdConnection
  readonly #unanswered = new Map<string, KeyLease>()

  constructor(connection: EtcdConnection) {
    this.#connection = connection
  }

  /** Seconds until a lease ends: 0 if it has, infinite for the `0` that stands for none. */
  async left(id: string): Promise<number> {
    if (id === NO_LEASE) return Number.POSITIVE_INFINITY
    const { TTL } = await this.#connection.call((etcd) => etcd.leaseClient.leaseTimeToLive({ ID: id }))
    return Math.max(0, Number(TTL))
  }

  /** Runs `write` with the lease of a key, and sees to it that none is left behind which nobody needs. */
  async forKey<T>(key: string, write: (lease: KeyLease) => Promise<T>): Promise<T> {
    const lease = this.#unanswered.get(key) ?? new KeyLease(this.#connection)
    this.#unanswered.delete(key)
    try {
      const written = await write(lease)
      await lease.discard()
      return written
    } catch (error) {
      await lease.discard()
      if (lease.mayHaveKey && this.#unanswered.size < MOST) this.#unanswered.set(key, lease)
      throw error
    }
  }
}

/** What etcd says where there is no lease. */
export const NO_LEASE = '0'

/** A lease that is granted once it is needed. */
export class KeyLease {
  readonly #connection: EtcdConnection
  #granted: { readonly id: string; readonly endsAt: number } | undefined
  #mayHaveKey = false

  constructor(connection: EtcdConnection) {
    this.#connection = connection
  }

  /** A write with it has, or may have, gone through. */
  get mayHaveKey(): boolean {
    return this.#mayHaveKey
  }

  /**
   * Its id; grants it first, or another if it ends too soon.
   *
   * @param ttl seconds for which it is granted; infinite: there is none
   * @param needed seconds that one that is there must last
   */
  async id(ttl: number, needed: number): Promise<string> {
    if (ttl === Number.POSITIVE_INFINITY) return NO_LEASE
    const now = performance.now()
    if (this.#granted !== undefined && this.#granted.endsAt + TTL_TOLERANCE * 1000 >= now + needed * 1000)
      return this.#granted.id
    await this.discard()
    const { ID } = await this.#connection.call((etcd) => etcd.leaseClient.leaseGrant({ TTL: ttl }))
    this.#granted = { id: ID, endsAt: now + ttl * 1000 }
    this.#mayHaveKey = false
    return ID
  }

  /** Makes a write with the lease `id`, this one or another. One that fails without a definite answer may have gone through. */
  async write<Answer extends { readonly succeeded: boolean }>(
    id: string,
    make: () => Promise<Answer>,
  ): Promise<Answer> {
    const isThis = id === this.#granted?.id
    try {
      const answer = await make()
      if (isThis && answer.succeeded) this.#mayHaveKey = true
      return answer
    } catch (error) {
      if (isThis && !REFUSALS.has(failureOf(error))) this.#mayHaveKey = true
      throw error
    }
  }

  /** Revokes it, unless it may have the key: else each attempt would leave one behind for as long as the token lives. */
  async discard(): Promise<void> {
    const granted = this.#granted
    if (granted === undefined || this.#mayHaveKey) return
    this.#granted = undefined
    await this.#connection.call((etcd) => etcd.leaseClient.leaseRevoke({ ID: granted.id })).catch(() => undefined)
  }
}

/** What etcd says only of what it has not done. */
const REFUSALS: ReadonlySet<ReturnType<typeof failureOf>> = new Set([
  'login',
  'credentials',
  'permission',
  'authentication-off',
  'refused',
])
