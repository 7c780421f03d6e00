import { type ClaimSet, MAX_CLAIM_SETS } from '../token/index.js'

/** A rule about claims cannot be taken: there are rules about {@link MAX_CLAIM_SETS} other sets of claims already. */
export class TooManyClaimSets extends Error {
  override readonly name = 'TooManyClaimSets'
  readonly code = 'ERR_REVOCATION_CLAIM_SETS'

  constructor() {
    super(`rules name ${MAX_CLAIM_SETS} different sets of claims already: name the claims that another rule names`)
  }
}

/** The sets of claims that rules name. They only grow, up to {@link MAX_CLAIM_SETS}. */
export class ClaimSets {
  readonly #sets: ClaimSet[] = []
  readonly #known = new Set<string>()

  /** In the order in which they came. */
  get all(): readonly ClaimSet[] {
    return this.#sets
  }

  /** Adds a set. Returns whether it is new. Throws {@link TooManyClaimSets}. */
  add(set: ClaimSet): boolean {
    if (!this.#known.has(keyOf(set)) && this.#sets.length >= MAX_CLAIM_SETS) throw new TooManyClaimSets()
    return this.restore(set)
  }

  /** Adds a set of entries that exist: of a journal, or of the primary. Returns whether it is new. */
  restore({ names, ofIssuer }: ClaimSet): boolean {
    const key = keyOf({ names, ofIssuer })
    if (this.#known.has(key)) return false
    this.#known.add(key)
    this.#sets.push({ names: [...names], ofIssuer })
    return true
  }
}

function keyOf({ names, ofIssuer }: ClaimSet): string {
  return JSON.stringify([ofIssuer, names])
}
