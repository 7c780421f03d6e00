import type { JSONWebKeySet, JWK } from 'jose'
import type { Fields, Logger } from '../logging/index.js'
import { judgeJwk } from './judged-jwk.js'

/** Keys of a set that are looked at: many times what an issuer has. Judging one takes some 0.1 ms. */
const MAX_KEYS = 500
/** Keys of a set that are named in the log one by one. */
const MAX_NAMED = 20

/**
 * Takes the keys of an issuer's set that tokens may be verified with, and names the others in the log: each once, as long
 * as the set goes on holding it.
 */
export class UsableKeys {
  readonly #logger: Logger
  readonly #where: Fields
  /** What was left out of the last set. */
  #leftOut: ReadonlySet<string> = new Set()

  /** @param where what a line in the log says beside the key */
  constructor(logger: Logger, where: Fields) {
    this.#logger = logger
    this.#where = where
  }

  /** Throws a TypeError for what is no JWK set at all; a set without a usable key is an empty one. */
  of(set: unknown): JSONWebKeySet {
    const elements = elementsOf(set)
    const keys: JWK[] = []
    const leftOut = new Map<string, Fields>()
    for (const element of elements.slice(0, MAX_KEYS)) {
      const judged = judgeJwk(element)
      if (judged.problem === undefined) keys.push(judged.jwk)
      else leftOut.set(`${judged.problem} ${judged.kid}`, { kid: judged.kid, reason: judged.problem })
    }
    const more = elements.length - MAX_KEYS
    if (more > 0) leftOut.set('more', { keys: more, reason: `beyond the first ${MAX_KEYS}` })
    this.#warn([...leftOut].flatMap(([id, fields]) => (this.#leftOut.has(id) ? [] : [fields])))
    this.#leftOut = new Set(leftOut.keys())
    return { keys }
  }

  #warn(leftOut: readonly Fields[]): void {
    for (const key of leftOut.slice(0, MAX_NAMED)) this.#logger.warn(TEXT, { ...this.#where, ...key })
    const more = leftOut.length - MAX_NAMED
    if (more > 0) this.#logger.warn(TEXT, { ...this.#where, keys: more, reason: `beyond the ${MAX_NAMED} named` })
  }
}

const TEXT = 'unusable key left out of the issuer’s key set'

function elementsOf(set: unknown): readonly unknown[] {
  if (typeof set === 'object' && set !== null && 'keys' in set && Array.isArray(set.keys)) return set.keys
  throw new TypeError('not a JWK set: no array of keys')
}
