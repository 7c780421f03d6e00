import type { Transfer } from './transfer.js'

/** 64 bits that name a token, or the subject, client or session that it was issued to. */
export interface OpenKey {
  readonly hi: number
  readonly lo: number
}

/** The open requests of a token. */
interface Group<Identity> {
  readonly identity: Identity
  readonly keys: readonly OpenKey[]
  /** One of them: most tokens have no second one at a time, and need no Set. */
  first: Transfer | undefined
  others: Set<Transfer> | undefined
  /** Whether its token was used again since {@link OpenRequests} last looked for one to forget. */
  isRecent: boolean
}

/**
 * Tokens that stay indexed without an open request, those that were used again before others: indexing one under all its
 * names costs more than everything else here, and most tokens are used again.
 */
const MAX_IDLE = 1_024
/** Tokens that are looked at for one to forget: many may have open requests. */
const MAX_LOOKS = 64

/**
 * Which token each open request carries, so that a revocation can end it. Looked up by the revocation's fingerprint: no
 * cost grows with the number of open requests. `Identity` is an object that all requests of a token share.
 */
export class OpenRequests<Identity extends object> {
  readonly #keysOf: (identity: Identity) => readonly OpenKey[]
  /** In the order in which they are looked at for one to forget. */
  readonly #groups = new Map<Identity, Group<Identity>>()
  readonly #byKey = new Map<number, Set<Group<Identity>>>()
  /** Groups without an open request. */
  #idle = 0
  #size = 0

  /** @param keysOf everything that a revocation may name the identity by */
  constructor(keysOf: (identity: Identity) => readonly OpenKey[]) {
    this.#keysOf = keysOf
  }

  /** Adds a transfer that has begun; {@link remove} it when it is over. */
  add(identity: Identity, transfer: Transfer): void {
    const known = this.#groups.get(identity)
    const group = known ?? this.#open(identity)
    if (known !== undefined) known.isRecent = true
    if (group.first === transfer || group.others?.has(transfer) === true) return
    if (!isOpen(group)) this.#idle--
    if (group.first === undefined) group.first = transfer
    else {
      group.others ??= new Set()
      group.others.add(transfer)
    }
    this.#size++
  }

  remove(identity: Identity, transfer: Transfer): void {
    const group = this.#groups.get(identity)
    if (group === undefined) return
    if (group.first === transfer) group.first = undefined
    else if (group.others?.delete(transfer) !== true) return
    this.#size--
    if (isOpen(group)) return
    this.#idle++
    if (this.#idle > MAX_IDLE) this.#forgetOne()
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

  /** The tokens that have open requests. */
  *open(): Generator<Identity> {
    for (const group of this.#groups.values()) if (isOpen(group)) yield group.identity
  }

  /** Ends the open requests of one token. Returns how many it ended. */
  endOf(identity: Identity, reason: Error): number {
    const group = this.#groups.get(identity)
    return group === undefined ? 0 : endEach([group], () => true, reason)
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
    const keys = this.#keysOf(identity)
    const group: Group<Identity> = { identity, keys, first: undefined, others: undefined, isRecent: false }
    this.#groups.set(identity, group)
    this.#idle++
    for (const key of group.keys) {
      const index = indexOf(key)
      const others = this.#byKey.get(index)
      if (others === undefined) this.#byKey.set(index, new Set([group]))
      else others.add(group)
    }
    return group
  }

  /** Forgets an idle token, if one is among the next few. One that was used again is passed over once. */
  #forgetOne(): void {
    let looks = 0
    for (const group of this.#groups.values()) {
      if (++looks > MAX_LOOKS) return
      this.#groups.delete(group.identity)
      if (!isOpen(group) && !group.isRecent) return this.#close(group)
      group.isRecent = false
      this.#groups.set(group.identity, group) // at the end, where this loop comes again
    }
  }

  #close(group: Group<Identity>): void {
    this.#idle--
    for (const key of group.keys) {
      const index = indexOf(key)
      const others = this.#byKey.get(index)
      if (others === undefined) continue
      others.delete(group)
      if (others.size === 0) this.#byKey.delete(index)
    }
  }
}

function isOpen({ first, others }: Group<unknown>): boolean {
  return first !== undefined || (others !== undefined && others.size > 0)
}

function endEach<Identity>(
  groups: readonly Group<Identity>[],
  isRevoked: (identity: Identity) => boolean,
  reason: Error,
): number {
  let ended = 0
  for (const group of groups) {
    if (!isOpen(group) || !isRevoked(group.identity)) continue
    const { first, others = [] } = group
    for (const transfer of first === undefined ? [...others] : [first, ...others]) {
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
