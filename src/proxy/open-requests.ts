import type { Transfer } from './transfer.js'

/** 64 bits that name a token, or the subject, client or session that it was issued to. */
export interface OpenKey {
  readonly hi: number
  readonly lo: number
}

interface Group<Identity> {
  readonly identity: Identity
  readonly keys: readonly OpenKey[]
  readonly transfers: Set<Transfer>
}

/**
 * Tokens that stay indexed without an open request, the most recently used: indexing one under all its names costs more
 * than everything else here, and most tokens are used again.
 */
const MAX_IDLE = 1_024

/**
 * Which token each open request carries, so that a revocation can end it. Looked up by the revocation's fingerprint: no
 * cost grows with the number of open requests. `Identity` is an object that all requests of a token share.
 */
export class OpenRequests<Identity extends object> {
  readonly #keysOf: (identity: Identity) => readonly OpenKey[]
  readonly #groups = new Map<Identity, Group<Identity>>()
  readonly #byKey = new Map<number, Set<Group<Identity>>>()
  /** In the order in which their last requests ended: the first is dropped first. */
  readonly #idle = new Set<Group<Identity>>()
  #size = 0

  /** @param keysOf everything that a revocation may name the identity by */
  constructor(keysOf: (identity: Identity) => readonly OpenKey[]) {
    this.#keysOf = keysOf
  }

  /** Adds a transfer that has begun; {@link remove} it when it is over. */
  add(identity: Identity, transfer: Transfer): void {
    const group = this.#groups.get(identity) ?? this.#open(identity)
    if (group.transfers.size === 0) this.#idle.delete(group)
    group.transfers.add(transfer)
    this.#size++
  }

  remove(identity: Identity, transfer: Transfer): void {
    const group = this.#groups.get(identity)
    if (group?.transfers.delete(transfer) !== true) return
    this.#size--
    if (group.transfers.size > 0) return
    this.#idle.add(group)
    if (this.#idle.size <= MAX_IDLE) return
    for (const oldest of this.#idle) {
      this.#close(oldest)
      break
    }
  }

  /**
   * Ends the open requests of each token that `key` names and `isRevoked` confirms (a rule spares younger tokens). Returns
   * how many it ended.
   */
  end(key: OpenKey, isRevoked: (identity: Identity) => boolean, reason: Error): number {
    return endEach([...(this.#byKey.get(indexOf(key)) ?? [])], isRevoked, reason)
  }

  /** Ends the open requests of each token that `isRevoked` confirms: the cost grows with the number of tokens. */
  endWhere(isRevoked: (identity: Identity) => boolean, reason: Error): number {
    return endEach([...this.#groups.values()], isRevoked, reason)
  }

  /** Ends all open requests. Returns how many it ended. */
  endAll(reason: Error): number {
    return this.endWhere(() => true, reason)
  }

  /** How many are open; a request with two tokens counts twice. */
  get size(): number {
    return this.#size
  }

  /** How many tokens are indexed. */
  get tokens(): number {
    return this.#groups.size
  }

  #open(identity: Identity): Group<Identity> {
    const group = { identity, keys: this.#keysOf(identity), transfers: new Set<Transfer>() }
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

function endEach<Identity>(
  groups: readonly Group<Identity>[],
  isRevoked: (identity: Identity) => boolean,
  reason: Error,
): number {
  let ended = 0
  for (const { identity, transfers } of groups) {
    if (transfers.size === 0 || !isRevoked(identity)) continue
    for (const transfer of [...transfers]) {
      transfer.abort(reason)
      ended++
    }
  }
  return ended
}

/** 53 bits of a fingerprint, as many as a number holds exactly; `isRevoked` tells apart tokens that share them. */
function indexOf({ hi, lo }: OpenKey): number {
  return (hi >>> 0) * 0x200000 + (lo >>> 11)
}
