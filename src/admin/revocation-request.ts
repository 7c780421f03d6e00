import { instant, isIssuer, mayBeOf, type RevocationRecord, readClaims, revocable } from '../revocation/index.js'
import { readJsonObject } from './json-object.js'

/** Why a request is invalid, for its sender. Names the member, never its value. */
export interface BadRequest {
  readonly problem: string
}

const NAMES = ['token', 'jti', 'subject', 'clientId', 'session', 'issuer', 'claims'] as const
const RULES = { subject: 'subject', clientId: 'client', session: 'session' } as const
const LOOKUP_MEMBERS: ReadonlySet<string> = new Set([...NAMES, 'iss'])
const EXPLAIN_MEMBERS: ReadonlySet<string> = new Set(['token', 'method', 'path'])
const MEMBERS: ReadonlySet<string> = new Set([...NAMES, 'iss', 'revokedBefore', 'expiry'])
/** Longest id, in characters; `revocable` limits whole tokens. */
const MAX_ID = 16_384
/** Characters of a request's path. */
const MAX_PATH = 8_192
/** How far, ms, a rule's time may lie ahead: the sender's clock may be fast, but future tokens cannot be revoked. */
const MAX_AHEAD = 60_000

/**
 * Reads the body of `POST /revocations`: exactly one of `token`, `jti`, `subject`, `clientId`, `session`, `issuer` (all its
 * tokens) and `claims` (an object of 1 to 4); for all but the first two, `revokedBefore` (by default `issuersNow`); for all but `issuer`,
 * `iss`: that issuer's tokens alone; for all, `expiry`. Times are seconds or ms since 1970, or ISO 8601.
 * Unknown members are refused: a mistyped `revokedBefore` would revoke something else.
 *
 * @param now epoch ms
 * @param ofItsIssuer whether the `jti` of a whole JWT is that of its issuer alone
 * @param issuersNow no sooner than the clock of any issuer shows
 */
export function readRevocationRequest(
  text: string,
  now: number,
  ofItsIssuer = false,
  issuersNow = now,
): RevocationRecord | BadRequest {
  const body = readJsonObject(text)
  if (body === undefined) return bad('the body must be a JSON object')
  const unknown = unknownMember(body, MEMBERS)
  if (unknown !== undefined) return unknown
  const [name, ...others] = NAMES.filter((each) => body[each] !== undefined)
  if (name === undefined || others.length > 0) return bad(`exactly one of ${NAMES.join(', ')} is required`)
  const { iss } = body
  if (iss !== undefined && !isIssuer(iss)) return bad('iss must be a string of 1 to 2048 characters')
  const expiresAt = time(body.expiry)
  if (body.expiry !== undefined && !(expiresAt !== undefined && expiresAt > now)) {
    return bad('expiry must be a future time: seconds or ms since 1970, or ISO 8601')
  }
  const scope = iss === undefined ? {} : { iss }
  const rule = (of: (times: RuleTimes) => RevocationRecord) => {
    const revokedBefore = ruleMoment(body.revokedBefore, now, issuersNow)
    return typeof revokedBefore === 'number' ? of({ revokedBefore, expiresAt }) : revokedBefore
  }
  if (name === 'claims') {
    const claims = readClaims(body.claims)
    if (claims === undefined) return bad('claims must be an object of 1 to 4 strings, numbers and booleans')
    return rule((times) => ({ kind: 'claims', claims, ...scope, ...times }))
  }
  const id = body[name]
  if (typeof id !== 'string' || id.trim() === '') return bad(`${name} must be a non-empty string`)
  if (name !== 'token' && id.length > MAX_ID) return bad(`${name} must have at most ${MAX_ID} characters`)
  if (name === 'issuer') {
    if (iss !== undefined || !isIssuer(id)) return bad('issuer must have at most 2048 characters, and excludes iss')
    return rule((times) => ({ kind: 'issuer', iss: id, ...times }))
  }
  if (name !== 'token' && name !== 'jti') {
    return rule((times) => ({ kind: RULES[name], id, ...scope, ...times }))
  }
  if (body.revokedBefore !== undefined)
    return bad('revokedBefore requires subject, clientId, session, issuer or claims')
  if (name === 'jti') return { kind: 'token', id, ...scope, expiresAt }
  const token = revocable(id.trim(), now, expiresAt, true)
  if (token === undefined) return bad('token must be visible ASCII, at most 65536 characters')
  if (iss !== undefined && !mayBeOf(id.trim(), iss)) return bad('iss must be that of the token')
  const { iss: _, ...anyIssuers } = token.record
  return ofItsIssuer ? { ...token.record, ...scope } : { ...anyIssuers, ...scope }
}

/** What is to be looked up: a whole token, or what a record names. */
export type LookupRequest = { readonly token: string } | { readonly record: RevocationRecord }

/**
 * Reads the body of `POST /revocations/lookup`: exactly one of the names of {@link readRevocationRequest}, and for all but
 * `token` and `issuer`, `iss`.
 */
export function readLookupRequest(text: string, now: number): LookupRequest | BadRequest {
  const body = readJsonObject(text)
  if (body === undefined) return bad('the body must be a JSON object')
  const unknown = unknownMember(body, LOOKUP_MEMBERS)
  if (unknown !== undefined) return unknown
  if (body.token !== undefined && body.iss !== undefined)
    return bad('iss excludes token, which names its issuer itself')
  const record = readRevocationRequest(text, now)
  if ('problem' in record) return record
  return typeof body.token === 'string' ? { token: body.token.trim() } : { record }
}

/** A request that is to be explained: with a token, and where it is used. */
export interface ExplainRequest {
  readonly token: string
  readonly method?: string
  readonly path?: string
}

/** Reads the body of `POST /explain`: `token`, and both or none of `method` and `path`. */
export function readExplainRequest(text: string): ExplainRequest | BadRequest {
  const body = readJsonObject(text)
  if (body === undefined) return bad('the body must be a JSON object')
  const unknown = unknownMember(body, EXPLAIN_MEMBERS)
  if (unknown !== undefined) return unknown
  const { token, method, path } = body
  if (typeof token !== 'string' || token.trim() === '') return bad('token must be a non-empty string')
  if (method === undefined && path === undefined) return { token: token.trim() }
  if (typeof method !== 'string' || !/^[A-Za-z]{1,20}$/.test(method)) return bad('method must be a method of HTTP')
  if (typeof path !== 'string' || !path.startsWith('/') || path.length > MAX_PATH || path.includes('?')) {
    return bad(`path must begin with /, have no query, and have at most ${MAX_PATH} characters`)
  }
  return { token: token.trim(), method: method.toUpperCase(), path }
}

function unknownMember(body: object, members: ReadonlySet<string>): BadRequest | undefined {
  const isUnknown = Object.keys(body).some((name) => !members.has(name))
  return isUnknown ? bad(`unknown member; the members are ${[...members].join(', ')}`) : undefined
}

interface RuleTimes {
  readonly revokedBefore: number
  readonly expiresAt: number | undefined
}

function ruleMoment(before: unknown, now: number, issuersNow: number): number | BadRequest {
  if (before === undefined) return issuersNow
  const revokedBefore = time(before)
  if (revokedBefore === undefined) return bad('revokedBefore must be seconds or ms since 1970, or ISO 8601')
  if (revokedBefore > now + MAX_AHEAD)
    return bad('revokedBefore must not be in the future: tokens not yet issued cannot be revoked')
  return revokedBefore
}

function time(value: unknown): number | undefined {
  if (typeof value === 'number') return instant(value)
  const parsed = typeof value === 'string' && /^\d{4}-/.test(value) ? Date.parse(value) : Number.NaN
  return parsed > 0 ? parsed : undefined
}

function bad(problem: string): BadRequest {
  return { problem }
}
