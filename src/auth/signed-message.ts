import { type CryptoKey, compactVerify, errors, type JWSHeaderParameters } from 'jose'
import { type CompactJwt, type JsonObject, readCredential } from '../token/index.js'
import { mediaType } from './jwt-issuer.js'
import { verifyShort } from './short-signatures.js'
import {
  ASYMMETRIC_ALGORITHMS,
  MAX_KEYS_TRIED,
  PARTS_NOT_LOOKED_AT,
  type VerificationKeys,
} from './verification-keys.js'

/** What an issuer signed and is no access token: a logout token, an action of Keycloak's, a security event token (RFC 8417). */
export interface SignedMessage {
  readonly header: JsonObject
  readonly claims: JsonObject
}

/**
 * Why a message is none of the issuer's.
 * - `format`: no compact JWS in its one spelling, longer than 64 KiB, or JSON with duplicate members
 * - `type`: its `typ` is another
 * - `algorithm`: `none`, an HMAC, or one that the issuer's keys are not for
 * - `critical`: it has `crit`, of which no extension is supported
 * - `key`: no key of the issuer fits it
 * - `signature`: it is not signed by one
 */
export type MessageProblem = 'format' | 'type' | 'algorithm' | 'critical' | 'key' | 'signature'

/**
 * Verifies a message of an issuer: a compact JWS with an asymmetric signature. Says nothing of its claims. `key` and
 * `signature` are final: they are said of keys that the issuer published after the message arrived. Rejects with `JwksUnavailable`
 * where those could not be fetched and no key at hand signed it.
 *
 * @param types the media types that `typ` may have (RFC 8725 §3.11), lower-case, without `application/`; `undefined`: it may be absent
 */
export async function verifyMessage(
  jws: string,
  keys: readonly VerificationKeys[],
  types: readonly (string | undefined)[],
): Promise<SignedMessage | { readonly problem: MessageProblem }> {
  const jwt = readCredential(jws)
  if (jwt.kind !== 'jwt' || jwt.token !== jws) return { problem: 'format' }
  const { typ, alg, crit } = jwt.header
  if (typ !== undefined && typeof typ !== 'string') return { problem: 'type' }
  if (!types.includes(typ === undefined ? undefined : mediaType(typ))) return { problem: 'type' }
  if (crit !== undefined) return { problem: 'critical' }
  // Never an HMAC, whatever the keys are for: its secret is known to others than the issuer.
  if (typeof alg !== 'string' || !ASYMMETRIC_ALGORITHMS.includes(alg)) return { problem: 'algorithm' }
  const problem = await signatureProblem(jws, jwt, keys)
  return problem === undefined ? { header: jwt.header, claims: jwt.claims } : { problem }
}

type KeyProblem = 'key' | 'signature'

/**
 * Why a JWS is signed by none of these keys; `undefined`: it is. The keys at hand are tried first, and for one that none of them
 * signed those that the issuer publishes now. Rejects as {@link verifyMessage} does.
 *
 * @param jws as it was sent: old WSO2 versions sign the padding of their segments too
 * @param jwt the same, read
 */
export async function signatureProblem(
  jws: string,
  jwt: CompactJwt,
  keys: readonly VerificationKeys[],
): Promise<KeyProblem | 'algorithm' | undefined> {
  const { alg } = jwt.header
  const sets = keys.filter(
    ({ algorithms = ASYMMETRIC_ALGORITHMS }) => typeof alg === 'string' && algorithms.includes(alg),
  )
  if (sets.length === 0) return 'algorithm'
  const known = await tryAll(jws, jwt, sets)
  if (known.isSigned) return undefined
  const renewals = await Promise.allSettled(sets.map((each) => each.renewed?.()))
  const { isSigned, problem, failures } = await tryAll(jws, jwt, sets)
  if (isSigned) return undefined
  for (const renewal of renewals) if (renewal.status === 'rejected') throw renewal.reason
  for (const failure of failures) throw failure
  return problem
}

interface Tried {
  readonly isSigned: boolean
  readonly problem: KeyProblem
  /** Why keys are unavailable. */
  readonly failures: readonly unknown[]
}

async function tryAll(jws: string, jwt: CompactJwt, sets: readonly VerificationKeys[]): Promise<Tried> {
  let problem: KeyProblem = 'key'
  const failures: unknown[] = []
  for (const each of sets) {
    try {
      for await (const key of candidates(each, jwt)) {
        if (await isSignedBy(key, jws, jwt)) return { isSigned: true, problem, failures }
        problem = 'signature'
      }
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) failures.push(error)
    }
  }
  return { isSigned: false, problem, failures }
}

/** The key that the header names; without a `kid`, a few of those that fit. */
async function* candidates(keys: VerificationKeys, { header }: CompactJwt) {
  try {
    yield await (keys.knownKey?.(header as JWSHeaderParameters, PARTS_NOT_LOOKED_AT) ??
      keys.key(header as JWSHeaderParameters, PARTS_NOT_LOOKED_AT))
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    let tried = 0
    for await (const key of error) {
      if (++tried > MAX_KEYS_TRIED) return
      yield key
    }
  }
}

async function isSignedBy(
  key: CryptoKey | Awaited<ReturnType<VerificationKeys['key']>>,
  jws: string,
  { header, signature }: CompactJwt,
): Promise<boolean> {
  const alg = String(header.alg)
  const short = verifyShort(alg, key, jws.slice(0, jws.lastIndexOf('.')), signature)
  if (short !== undefined) return short
  try {
    await compactVerify(jws, key, { algorithms: [alg] })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}
