import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { JSONWebKeySet, JWK } from 'jose'
import type { Fields, Logger } from '../logging/index.js'
import { judgeKey } from './judged-key.js'

/** Keys of a set that are examined: many times what an issuer has. Each takes about 0.1 ms. */
const MAX_KEYS = 500
/** Unusable keys of a set that get a log line each. */
const MAX_NAMED = 20

/**
 * Selects the keys of an issuer's set that may verify tokens, and logs each of the others once, for as long as the set
 * contains it.
 */
export class UsableKeys {
  readonly #logger: Logger
  readonly #where: Fields
  /** Keys left out of the last set. */
  #leftOut: ReadonlySet<string> = new Set()

  /** @param where log fields that identify the set */
  constructor(logger: Logger, where: Fields) {
    this.#logger = logger
    this.#where = where
  }

  /** Throws a TypeError if `set` is not a JWK set. A set without a usable key gives an empty one. */
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

/** A usable key of a set, or its `kid` and why it is not usable. */
export type JudgedJwk =
  | { readonly jwk: JWK; readonly problem?: undefined }
  | { readonly kid: string; readonly problem: string }

/** Members of secret keys (RFC 7518 §6.2.2, §6.3.2, §6.4.1): once published, anyone can sign with them. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
/** The members needed to find a public key in a set, and to import it. */
const KEPT = ['kty', 'kid', 'x5t', 'alg', 'use', 'crv', 'n', 'e', 'x', 'y']
/** Characters of a `kid` in the log. */
const MAX_KID = 100

/** Checks an element of a JWK set's `keys`, whatever it is. Never throws. */
export function judgeJwk(element: unknown): JudgedJwk {
  if (typeof element !== 'object' || element === null || Array.isArray(element)) {
    return { kid: '', problem: 'not a JWK object' }
  }
  const members = element as Readonly<Record<string, unknown>>
  const { kid } = members
  const problem = problemOf(members)
  if (problem !== undefined) return { kid: typeof kid === 'string' ? kid.slice(0, MAX_KID) : '', problem }
  // `key_ops` and `ext` are dropped once checked: a set may hold them in a form that an import rejects.
  return { jwk: Object.fromEntries(KEPT.flatMap((name) => (name in members ? [[name, members[name]]] : []))) }
}

function problemOf(members: Readonly<Record<string, unknown>>): string | undefined {
  const { kty, kid, alg, use, key_ops: operations } = members
  if (typeof kty !== 'string') return 'kty is missing'
  if (kty === 'oct') return 'a symmetric key in a public set'
  if (SECRET_MEMBERS.some((name) => members[name] !== undefined)) return 'a private key in a public set'
  if (kid !== undefined && typeof kid !== 'string') return 'kid is not a string'
  if (use !== undefined && use !== 'sig') return 'use is not "sig"'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'key_ops lacks "verify"'
  }
  const key = imported(members)
  if (key === undefined) return 'invalid key, or unsupported type'
  const judged = judgeKey(key)
  if ('problem' in judged) return judged.problem
  if (alg === undefined || (typeof alg === 'string' && judged.algorithms.includes(alg))) return undefined
  return 'alg does not fit the key, or is not accepted'
}

/** OpenSSL rejects a point that is not on its curve. */
function imported(members: Readonly<Record<string, unknown>>): KeyObject | undefined {
  try {
    return createPublicKey({ key: members as JsonWebKey, format: 'jwk' })
  } catch {
    return undefined
  }
}
