import { isNumericDate, readCredential } from '../token/index.js'

/** Characters of the longest id that is taken from a store: WSO2 stores whole JWTs at times. */
export const MAX_RECORD_ID_LENGTH = 65_536

/**
 * What a source delivers: a token is revoked, or all tokens issued to somebody before some time are.
 * Records only add up; neither order nor repetition matters.
 */
export type RevocationRecord = TokenRevocation | RuleRevocation

/** One token, named by its `jti`, its signature segment, the whole JWT, or the whole opaque credential. */
export interface TokenRevocation {
  readonly kind: 'token'
  readonly id: string
  /** When the token itself ends (epoch ms); `undefined` when the source does not know. */
  readonly expiresAt: number | undefined
}

/** Every token of a subject, a client or a session that was issued (`iat`) before `revokedBefore`. */
export interface RuleRevocation {
  readonly kind: 'subject' | 'client' | 'session'
  readonly id: string
  /** Epoch ms. A token without `iat` counts as issued at 0. */
  readonly revokedBefore: number
  readonly expiresAt: number | undefined
}

/** A token's revocation as a source would write it, and which of the token's ids it uses. */
export interface Revocable {
  readonly by: 'jti' | 'signature' | 'token'
  readonly record: TokenRevocation
}

/** Any JSON value. */
export type JSONValue =
  | null
  | boolean
  | number
  | string
  | readonly JSONValue[]
  | { readonly [name: string]: JSONValue | undefined }

/** Beyond this no `Date` exists; Java's Long.MAX_VALUE ("never") is far above it. */
const LAST_INSTANT = 8.64e15

/**
 * The record that revokes a token in a store and on a topic: a JWT is named by its `jti`, or by its canonical signature
 * if it has none; any other token by itself. Verifies nothing: call it for tokens that are verified, or come from a trusted
 * caller. `undefined` for what is neither a token nor a `jti`: empty, too long, or not visible ASCII.
 *
 * @param expiresAt when the token ends (epoch ms), if that is known better than by the JWT's own `exp`
 */
export function revocable(token: string, now: number, expiresAt?: number): Revocable | undefined {
  const credential = readCredential(token)
  if (credential.kind === 'refused') {
    // Three parts but not a canonical JWT: some `jti`s look so, and the list reads JWTs in any spelling.
    const isName = credential.reason === 'base64url' || credential.reason === 'json'
    return isName ? named('token', token, expiryInstant(expiresAt, now)) : undefined
  }
  if (credential.kind === 'opaque') return named('token', credential.token, expiryInstant(expiresAt, now))
  const { jti, exp } = credential.claims
  const until = expiryInstant(expiresAt ?? exp, now)
  const name = typeof jti === 'number' && Number.isSafeInteger(jti) ? String(jti) : jti
  if (typeof name === 'string' && name !== '') return named('jti', name, until)
  return named('signature', credential.signature, until)
}

function named(by: Revocable['by'], id: string, expiresAt: number | undefined): Revocable {
  return { by, record: { kind: 'token', id, expiresAt } }
}

/**
 * Reads a time as WSO2's publishers write it, to epoch ms: a number, a string of digits or a bigint, in ms, or in seconds
 * if below 1e11 (1973 in ms). `undefined` if absent, 0, Long.MAX or not a number.
 */
export function instant(value: unknown): number | undefined {
  const number = toNumber(value)
  if (number === undefined || !(number > 0) || number > LAST_INSTANT) return undefined
  return Math.floor(isNumericDate(number) ? number * 1000 : number)
}

/** Like {@link instant}, for a token's expiry: one already in the past is not believed, so it is unknown. */
export function expiryInstant(value: unknown, now: number): number | undefined {
  const at = instant(value)
  return at !== undefined && at > now ? at : undefined
}

function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'string' && /^\d{1,19}$/.test(value.trim())) return Number(value)
  return undefined
}
