import { parseJson } from '../../../json.js'
import {
  expiryInstant,
  instant,
  isIssuer,
  MAX_RECORD_ID_LENGTH,
  type RevocationRecord,
  readClaims,
  type TokenRevocation,
} from '../../../revocation/index.js'

/*
 * What is where in etcd, in both of its APIs, for the prefix `jti/`:
 *
 *   jti/<id>                          a revoked token; any value. One that is written here is {"expiresAt":1628175421481}
 *   jti-records/subject/<id>          a rule: {"revokedBefore":1628175421481,"expiresAt":1628175421481}; also client and session
 *   jti-records/token/<id>            a token whose id the v2 API can't have as a key; value as above
 *   jti-records/claims/<claims>       a rule about claims; <claims> is their JSON, with the names in ascending order
 *   jti-records/issuer/<issuer>       a rule about all tokens of an issuer
 *   jti-records/of/<issuer>/<...>     any of these but the last, for the tokens of that issuer alone
 *   jti-records/any/<...>             the same for the tokens of any issuer, where the store speaks for one issuer
 *
 *   <id>                              v2 only, where it is looked at beside v3: what `etcdctl set <id> <ttl>` leaves in the root
 *
 * Everything after the prefix is a token's id, so rules can't be under it: no name is free there. In the directory
 * beside it ids, issuers and claims are percent-encoded, so that the v2 API, which cleans paths and hides names that start with `_`,
 * keeps them. `expiresAt` may be missing everywhere: unknown. Other members are ignored.
 */

/** A record as it is written: below which of the two directories, the key's rest, and the value. */
export interface WrittenRecord {
  readonly place: 'tokens' | 'records'
  readonly rest: string
  readonly value: string
}

/** Longer values were not written here; they are not read. */
const MAX_VALUE_LENGTH = 256

/** The directory of the records that can't be below the prefix: `jti/` → `jti-records/`. */
export function recordsPrefix(prefix: string): string {
  return `${prefix.slice(0, -1)}-records/`
}

/** A record as both APIs take it: tokens below the prefix, rules beside it. */
export function writeRecord(record: RevocationRecord): WrittenRecord {
  const value = JSON.stringify(
    record.kind === 'token'
      ? { expiresAt: record.expiresAt }
      : { revokedBefore: Math.ceil(record.revokedBefore), expiresAt: record.expiresAt },
  )
  if (isPlainToken(record)) return { place: 'tokens', rest: record.id, value }
  return { place: 'records', rest: encodedKey(record), value }
}

/** Whether a record is written below the prefix: a token's that names no issuer. */
export function isPlainToken(record: RevocationRecord): record is TokenRevocation {
  return record.kind === 'token' && record.iss === undefined
}

/** A token below the directory of records, for an id that can't be a key below the prefix. */
export function writeEncodedToken(record: RevocationRecord): WrittenRecord {
  return { ...writeRecord(record), place: 'records', rest: encodedKey(record) }
}

/** As `now`: an end is read even if it has passed. */
export const AS_WRITTEN = 0

/** How long a key may be found that has ended, ms: stores keep what mgw writes for an hour and a margin more. */
const LATEST_FOUND = 86_400_000
/** How long a record that has ended is kept from when it was read, ms: it is read again before that. */
const KEPT_WHEN_ENDED = 15 * 60_000

/**
 * The end of a record (epoch ms); `undefined`: it is not known. One that has passed lately ends soon: as unknown, the record would be
 * kept for `retention`. No sooner than it says, since our clock may be ahead.
 */
function endOf(written: unknown, now: number): number | undefined {
  const end = expiryInstant(written, now)
  if (end !== undefined) return end
  const passed = instant(written)
  return passed !== undefined && now - passed < LATEST_FOUND ? now + KEPT_WHEN_ENDED : undefined
}

/** The token that a key below the prefix names; `undefined` for one that names none. `value` may be anything. */
export function readToken(id: string, value: string, now: number): TokenRevocation | undefined {
  if (id === '' || id.length > MAX_RECORD_ID_LENGTH) return undefined
  return { kind: 'token', id, expiresAt: endOf(parseValue(value).expiresAt, now) }
}

/** What `etcdctl set <jti> <ttl>`, WSO2 and this gateway write as a value. */
const TOKEN_VALUE = /^(?:\d{1,20}|true|\{.*\})$/s
/** Random names, as tokens' are: UUIDs, hexadecimal, base64url, JWTs. Words with no digit in them belong to something else. */
const RANDOM_NAME = /^(?=.*\d)[\w.~+=-]{20,}$/

/**
 * The token that a key in the root of the v2 API names; `undefined` for one of another program's, which neither has a
 * value that is written for tokens nor looks like a token's name.
 */
export function readRootToken(id: string, value: string, now: number): RevocationRecord | undefined {
  if (id.includes('/') || !(TOKEN_VALUE.test(value) || RANDOM_NAME.test(id))) return undefined
  return readToken(id, value, now)
}

/** The record that a key below the directory of records names; `undefined` for what was not written by the rules above. */
export function readRecord(rest: string, value: string, now: number): RevocationRecord | undefined {
  const [first = '', ...others] = rest.split('/')
  if (first === 'any') return readNamed(others, value, now, { iss: null })
  if (first !== 'of') return readNamed([first, ...others], value, now, {})
  const [issuer = '', ...named] = others
  const iss = decodeId(issuer)
  return isIssuer(iss) ? readNamed(named, value, now, { iss }) : undefined
}

function readNamed(
  [kind, name = '', ...others]: readonly string[],
  value: string,
  now: number,
  scope: { readonly iss?: string | null },
): RevocationRecord | undefined {
  const id = others.length > 0 ? undefined : decodeId(name)
  if (id === undefined || id === '') return undefined
  if (kind === 'token') {
    const token = readToken(id, value, now)
    return token && { kind: 'token', id, ...scope, expiresAt: token.expiresAt }
  }
  const { revokedBefore, expiresAt } = parseValue(value)
  const before = instant(revokedBefore)
  if (before === undefined) return undefined
  const times = { revokedBefore: before, expiresAt: endOf(expiresAt, now) }
  if (kind === 'subject' || kind === 'client' || kind === 'session') return { kind, id, ...scope, ...times }
  if (kind === 'issuer') return scope.iss === undefined && isIssuer(id) ? { kind, iss: id, ...times } : undefined
  const claims = kind === 'claims' ? parsedClaims(id) : undefined
  return claims && { kind: 'claims', claims, ...scope, ...times }
}

function parsedClaims(json: string) {
  try {
    return readClaims(parseJson(json))
  } catch {
    return undefined
  }
}

function encodedKey(record: RevocationRecord): string {
  if (record.kind === 'issuer') return `issuer/${encoded(record.iss)}`
  const { kind, iss } = record
  const name = encoded(kind === 'claims' ? sortedJson(record.claims) : record.id)
  if (iss === undefined) return `${kind}/${name}`
  return iss === null ? `any/${kind}/${name}` : `of/${encoded(iss)}/${kind}/${name}`
}

function encoded(text: string): string {
  // A leading `_` would hide the key, and `.` or `..` would vanish, in the v2 API.
  return encodeURIComponent(Buffer.from(text).toString()).replace(/^[_.]/, (c) => (c === '_' ? '%5F' : '%2E'))
}

function sortedJson(claims: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(claims).sort(([a], [b]) => (a < b ? -1 : 1))))
}

function decodeId(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return undefined
  }
}

/** A value's members if it was written by the rules above; any other value says nothing. */
function parseValue(value: string): { revokedBefore?: unknown; expiresAt?: unknown } {
  if (!value.startsWith('{') || value.length > MAX_VALUE_LENGTH) return {}
  try {
    return JSON.parse(value) as object
  } catch {
    return {}
  }
}
