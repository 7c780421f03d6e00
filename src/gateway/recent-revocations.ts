import type { RevocationList, RevocationRecord } from '../revocation/index.js'
import { nameHash } from './name-hash.js'

/** How many are remembered. */
const REMEMBERED = 20

/** A revocation that this gateway has learnt, for people. Holds no token and no `jti`. */
export interface LearntRevocation {
  /** Epoch ms. */
  readonly at: number
  readonly kind: RevocationRecord['kind']
  readonly source: string
  /**
   * Of a token: its name in the audit log, {@link nameHash}. Absent for rules: a subject's or a client's name could be guessed from it.
   */
  readonly hash?: string
}

interface Learnt {
  readonly record: RevocationRecord
  readonly source: string
  readonly at: number
}

/** Adds records to a list and remembers the last ones that were new. Costs a listing of millions one object for each. */
export class RecentRevocations {
  readonly #list: RevocationList
  /** A ring: the next one goes to `#next`. */
  readonly #learnt: Learnt[] = []
  #next = 0
  #learntAt = 0

  constructor(list: RevocationList) {
    this.#list = list
    list.onChange(({ learntAt }) => {
      this.#learntAt = learntAt
    })
  }

  /** Adds a record to the list, as {@link RevocationList.add} does. */
  add(record: RevocationRecord, source: string, now: number): number {
    const changes = this.#list.add(record, source, now)
    // An entry that is only kept for longer was learnt before.
    if (changes === 0 || this.#learntAt < now - 1_000) return changes
    this.#learnt[this.#next] = { record, source, at: now }
    this.#next = (this.#next + 1) % REMEMBERED
    return changes
  }

  /** The last ones, the newest first. */
  get all(): LearntRevocation[] {
    const oldestFirst = [...this.#learnt.slice(this.#next), ...this.#learnt.slice(0, this.#next)]
    return oldestFirst.reverse().map(described)
  }
}

function described({ record, source, at }: Learnt): LearntRevocation {
  const { kind } = record
  return { at, kind, source, ...(kind === 'token' ? { hash: nameHash(record) } : {}) }
}
