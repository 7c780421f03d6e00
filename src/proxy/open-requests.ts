import type { Exchange } from './forward.js'

/** 64 bits that name a token, or somebody whom it was issued to. */
export interface OpenKey {
  readonly hi: number
  readonly lo: number
}

interface Group<Identity> {
  readonly identity: Identity
  readonly keys: readonly OpenKey[]
  readonly exchanges: Set<Exchange>
}

/**
 * Tokens without an open request that stay indexed, those used last: entering one under all its names costs more than the
 * rest of a request's notes, and most tokens come again.
 */
const MAX_IDLE = 1_024

/**
 * Which token each open request came with, so that a revocation can end it. Found by the revocation's fingerprint:
 * nothing is proportional to the number of open requests. `Identity` is an object that requests of one token share.
 */
export class OpenRequests<Identity extends object> {
  readonly #keysOf: (identity: Identity) => readonly OpenKey[]
  readonly #groups = new Map<Identity, Group<Identity>>()
  readonly #byKey = new Map<number, Set<Group<Identity>>>()
  /** In the order in which their last requests ended. */
  readonly #idle = new Set<Group<Identity>>()

  /** @param keysOf everything that a revocation may name the identity by */
  constructor(keysOf: (identity: Identity) => readonly OpenKey[]) {
    this.#keysOf = keysOf
  }

  /** Notes that an exchange has begun; {@link remove} it when it is over. */
  add(identity: Identity, exchange: Exchange): void {
    const group = this.#groups.get(identity) ?? this.#open(identity)
    if (group.exchanges.size === 0) this.#idle.delete(group)
    group.exchanges.add(exchange)
  }

  remove(identity: Identity, exchange: Exchange): void {
    const group = this.#groups.get(identity)
    if (group?.exchanges.delete(exchange) !== true || group.exchanges.size > 0) return
    this.#idle.add(group)
    if (this.#idle.size <= MAX_IDLE) return
    for (const oldest of this.#idle) {
      this.#close(oldest)
      break
    }
  }

  /**
   * Ends the open requests of whoever `key` names and `isRevoked` confirms (a rule spares tokens that are younger).
   * Returns how many it ended.
   */
  end(key: OpenKey, isRevoked: (identity: Identity) => boolean, reason: Error): number {
    let ended = 0
    for (const group of [...(this.#byKey.get(indexOf(key)) ?? [])]) {
      if (group.exchanges.size === 0 || !isRevoked(group.identity)) continue
      for (const exchange of [...group.exchanges]) {
        exchange.abort(reason)
        ended++
      }
    }
    return ended
  }

  /** Ends all open requests. Returns how many it ended. */
  endAll(reason: Error): number {
    let ended = 0
    for (const { exchanges } of [...this.#groups.values()]) {
      for (const exchange of [...exchanges]) {
        exchange.abort(reason)
        ended++
      }
    }
    return ended
  }

  /** How many tokens are indexed. */
  get tokens(): number {
    return this.#groups.size
  }

  #open(identity: Identity): Group<Identity> {
    const group = { identity, keys: this.#keysOf(identity), exchanges: new Set<Exchange>() }
    this.#groups.set(identity, group)
    for (const key of group.keys) {
      const index = indexOf(key)
      const others = this.#byKey.get(index)
      if (others === undefined) this.#byKey.set(index, new Set([group]))
      else others.add(group)
    }
    return group
  }

  #close(group: Group<Identity>): void {
    this.#idle.delete(group)
    this.#groups.delete(group.identity)
    for (const key of group.keys) {
      const index = indexOf(key)
      const others = this.#byKey.get(index)
      if (others === undefined) continue
      others.delete(group)
      if (others.size === 0) this.#byKey.delete(index)
    }
  }
}

/** 53 bits of a fingerprint, as many as a number holds: whoever shares them is told apart by the check that follows. */
function indexOf({ hi, lo }: OpenKey): number {
  return (hi >>> 0) * 0x200000 + (lo >>> 11)
}
