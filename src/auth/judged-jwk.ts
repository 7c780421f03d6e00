import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { judgeKey } from './judged-key.js'

/** A key of a set that tokens may be verified with, or why not; with the name that the set gives it. */
export type JudgedJwk =
  | { readonly jwk: JWK; readonly problem?: undefined }
  | { readonly kid: string; readonly problem: string }

/** Members that only secret keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1): once published, they are anybody's. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
/** All that is needed to find a public key in a set, and to import it. */
const KEPT = ['kty', 'kid', 'x5t', 'alg', 'use', 'crv', 'n', 'e', 'x', 'y']
/** Characters of a name in the log. */
const MAX_KID = 100

/** Judges an element of a JWK set's `keys`, whatever it is. Never throws. */
export function judgeJwk(element: unknown): JudgedJwk {
  if (typeof element !== 'object' || element === null || Array.isArray(element)) {
    return { kid: '', problem: 'not a JWK object' }
  }
  const members = element as Readonly<Record<string, unknown>>
  const { kid } = members
  const problem = problemOf(members)
  if (problem !== undefined) return { kid: typeof kid === 'string' ? kid.slice(0, MAX_KID) : '', problem }
  // `key_ops` and `ext` have said what they have to say; a set may give them in forms that an import does not take.
  return { jwk: Object.fromEntries(KEPT.flatMap((name) => (name in members ? [[name, members[name]]] : []))) }
}

function problemOf(members: Readonly<Record<string, unknown>>): string | undefined {
  const { kty, kid, alg, use, key_ops: operations } = members
  if (typeof kty !== 'string') return 'no kty'
  if (kty === 'oct') return 'a symmetric key in a public set'
  if (SECRET_MEMBERS.some((name) => members[name] !== undefined)) return 'a private key in a public set'
  if (kid !== undefined && typeof kid !== 'string') return 'a kid that is no string'
  if (use !== undefined && use !== 'sig') return 'not for signatures (use)'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'not for verifying (key_ops)'
  }
  const key = imported(members)
  if (key === undefined) return 'not a valid key, or not of a supported kind'
  const judged = judgeKey(key)
  if ('problem' in judged) return judged.problem
  if (alg === undefined || (typeof alg === 'string' && judged.algorithms.includes(alg))) return undefined
  return 'an alg that does not go with the key, or is not accepted'
}

/** OpenSSL takes no point that is not on its curve. */
function imported(members: Readonly<Record<string, unknown>>): KeyObject | undefined {
  try {
    return createPublicKey({ key: members as JsonWebKey, format: 'jwk' })
  } catch {
    return undefined
  }
}
