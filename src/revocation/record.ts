import { numberText } from '../json.js'
import { type ClaimValue, isNever, isNumericDate, MAX_CLAIMS, readCredential } from '../token/index.js'

/** Characters of the longest id that is taken from a store: WSO2 stores whole JWTs at times. */
export const MAX_RECORD_ID_LENGTH = 65_536

/**
 * What a source delivers: a token is revoked, or all tokens issued to somebody before some time are.
 * Records only add up; neither order nor repetition matters. One that names an issuer (`iss`) is about that issuer's tokens
 * alone; one that names none is about the issuer that its source speaks for, or else about any; `null` is about any in
 * any case.
 */
export type RevocationRecord = TokenRevocation | RuleRevocation

/** A record of any kind but `token`: tokens issued (`iat`) before `revokedBefore` are revoked. */
export type RuleRevocation = NameRevocation | IssuerRevocation | ClaimsRevocation

/** One token, named by its `jti`, its signature segment, the whole JWT, or the whole opaque credential. */
export interface TokenRevocation {
  readonly kind: 'token'
  readonly id: string
  readonly iss?: string | null | undefined
  /** When the token itself ends (epoch ms); `undefined` when the source does not know. */
  readonly expiresAt: number | undefined
}

interface Rule {
  /** Epoch ms. A token without `iat` counts as issued at 0. */
  readonly revokedBefore: number
  readonly expiresAt: number | undefined
}

/** The tokens of a subject, a client or a session. */
export interface NameRevocation extends Rule {
  readonly kind: 'subject' | 'client' | 'session'
  readonly id: string
  readonly iss?: string | null | undefined
}

/** All tokens of an issuer. */
export interface IssuerRevocation extends Rule {
  readonly id?: undefined
  readonly kind: 'issuer'
  readonly iss: string
}

/** The tokens of which every claim named here has the value given: of 1 to 4 claims, by name or path (`act.sub`). */
export interface ClaimsRevocation extends Rule {
  readonly id?: undefined
  readonly kind: 'claims'
  readonly claims: Readonly<Record<string, ClaimValue>>
  readonly iss?: string | null | undefined
}

/** Characters of the longest issuer, name of a claim, and claim's value in a record. */
const MAX_ISSUER_LENGTH = 2_048
const MAX_CLAIM_NAME_LENGTH = 256
export const MAX_CLAIM_VALUE_LENGTH = 1_024

/** Whose tokens a record is about, from its member `iss`; `undefined` for what can name no issuer. */
export function readScope(iss: unknown): { readonly iss?: string | null } | undefined {
  if (iss === undefined) return {}
  return iss === null || isIssuer(iss) ? { iss } : undefined
}

/** Whether a value can be an issuer's name in a record. */
export function isIssuer(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_ISSUER_LENGTH
}

/** The claims that a record's member `claims` names, as text: an object of 1 to 4 strings, numbers and booleans. */
export function readClaims(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const members = Object.entries(value)
  if (members.length === 0 || members.length > MAX_CLAIMS || !members.every(isClaim)) return undefined
  const text = (of: unknown) => (typeof of === 'number' ? numberText(of) : String(of))
  return Object.fromEntries(members.map(([name, of]) => [name, text(of) ?? '']))
}

function isClaim([name, value]: [string, unknown]): boolean {
  if (name === '' || name.length > MAX_CLAIM_NAME_LENGTH) return false
  if (typeof value === 'string') return value.length <= MAX_CLAIM_VALUE_LENGTH
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
}

/** A text of somebody else's, an error's for instance, without what the record names. */
export function redacted(text: string, record: RevocationRecord): string {
  const names = record.kind === 'claims' ? Object.values(record.claims).map(String) : [record.id ?? '']
  return names.reduce((rest, name) => (name === '' ? rest : rest.replaceAll(name, '[token]')), text)
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

/** A rule's time (epoch ms) that no token is issued after: it revokes whatever it names, whenever that is issued. */
export const ALWAYS = LAST_INSTANT

/** A token's end (epoch ms) that never comes: its revocation is kept for ever. */
export const NEVER = LAST_INSTANT

/**
 * The record that revokes a token in a store and on a topic: a JWT is named by its `jti`, or by its canonical signature
 * if it has none; any other token by itself. Verifies nothing: call it for tokens that are verified, or come from a trusted
 * caller. `undefined` for what is neither a token nor a `jti`: empty, too long, or not visible ASCII.
 *
 * @param expiresAt when the token ends (epoch ms), if that is known better than by the JWT's own `exp`
 * @param ofItsIssuer whether a `jti` is that of the JWT's issuer alone: needed where several issuers are trusted
 */
export function revocable(token: string, now: number, expiresAt?: number, ofItsIssuer = false): Revocable | undefined {
  const credential = readCredential(token)
  if (credential.kind === 'refused') {
    // Three parts but not a canonical JWT: some `jti`s look so, and the list reads JWTs in any spelling.
    const isName = credential.reason === 'base64url' || credential.reason === 'json'
    return isName ? named('token', token, expiryInstant(expiresAt, now)) : undefined
  }
  if (credential.kind === 'opaque') return named('token', credential.token, expiryInstant(expiresAt, now))
  const { jti, exp, iss } = credential.claims
  const scope = ofItsIssuer && isIssuer(iss) ? { iss } : {}
  const until = expiryInstant(expiresAt ?? exp, now)
  const name = typeof jti === 'number' ? numberText(jti) : jti
  if (typeof name === 'string' && name !== '') return named('jti', name, until, scope)
  return named('signature', credential.signature, until)
}

/**
 * Whether a token may be of an issuer: a JWT that names another one is not, and would go on being accepted if it were revoked
 * as that issuer's. Verifies nothing.
 */
export function mayBeOf(token: string, issuer: string): boolean {
  const credential = readCredential(token)
  return credential.kind !== 'jwt' || !isIssuer(credential.claims.iss) || credential.claims.iss === issuer
}

function named(
  by: Revocable['by'],
  id: string,
  expiresAt: number | undefined,
  scope: { readonly iss?: string } = {},
): Revocable {
  return { by, record: { kind: 'token', id, ...scope, expiresAt } }
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

/**
 * Like {@link instant}, for a token's expiry: one already in the past is not believed, so it is unknown, and from 1e15 on it is
 * {@link NEVER}.
 */
export function expiryInstant(value: unknown, now: number): number | undefined {
  const number = toNumber(value)
  if (number !== undefined && isNever(number)) return NEVER
  const at = instant(value)
  return at !== undefined && at > now ? at : undefined
}

function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'string' && /^\d{1,19}$/.test(value.trim())) return Number(value)
  return undefined
}
