import { createHash } from 'node:crypto'
import { numberText } from '../json.js'
import { ClaimValues, type TokenClaims } from './claim-set.js'
import { type Credential, type JsonObject, lenientSegment, readObject } from './credential.js'
import { equivalentSignatures, withoutLeadingZeros } from './equivalent-signatures.js'
import type { Fingerprint, Fingerprinter, FingerprintKind } from './fingerprint.js'

/** An id under which a token may have been revoked. */
export interface TokenId extends Fingerprint {
  readonly by: 'jti' | 'signature' | 'token'
}

/** The names of a token by which records may name it. */
export interface IdentityNames {
  readonly ids: readonly TokenId[]
  /** An opaque one's name in any letter case and padding. */
  readonly folded: readonly Fingerprint[]
  /** Its `sub`. */
  readonly subjects: readonly Fingerprint[]
  /** The claims that may name its client: the consumer key claim, `azp`, `client_id`, `consumerKey`. */
  readonly clients: readonly Fingerprint[]
  /** Its `sid`. */
  readonly sessions: readonly Fingerprint[]
}

/**
 * What the revocation list needs to know of a token: computed once, when it is verified. A token with two sets of claims
 * has the names of both.
 */
export interface TokenIdentity extends IdentityNames {
  /** Its names as records that say an issuer know them. */
  readonly ofIssuer: IdentityNames
  /** Its `iss`. */
  readonly issuers: readonly Fingerprint[]
  readonly claims: TokenClaims
  /** Epoch ms of its `iat`, the older of two; 0 without one: every rule then revokes it. */
  readonly issuedAt: number
  /** Epoch ms of its `exp`. */
  readonly expiresAt: number | undefined
  /** Its `sub`, and the client that it was issued to: for lines that an operator lets name callers. */
  readonly subject: string | undefined
  readonly client: string | undefined
  /** Names it in a log: the first 12 hexadecimal digits of the SHA-256 of its canonical spelling. */
  readonly hash: string
}

/** Shared, so that the length that every look-up reads stays in the processor's cache. */
const NONE: readonly Fingerprint[] = []
const NOBODY: readonly string[] = []
const CLIENT_CLAIMS = ['azp', 'client_id', 'consumerKey']
/** Characters of the shortest accepted signature: HS256's. */
const SHORTEST_SIGNATURE = 43
/** A time from here on is not in seconds (RFC 7519's NumericDate) but, by an issuer's mistake, in milliseconds. */
const SECONDS_BELOW = 1e11
/** A time from here on means never: WSO2 writes Java's Long.MAX_VALUE, in ms or s. */
const NEVER_FROM = 1e15

/**
 * Whether a time is in seconds. Verification must read claims as the list does: what one takes for this year must not be
 * the far future to the other.
 */
export function isNumericDate(value: number): boolean {
  return value < SECONDS_BELOW
}

/** Whether an expiry means never. */
export function isNever(value: number): boolean {
  return value >= NEVER_FROM && value < Number.POSITIVE_INFINITY
}

/** Whether a claim is an expiry in seconds, or means never. */
export function isExpiry(value: number): boolean {
  return isNumericDate(value) || isNever(value)
}

/**
 * The identity of a token, however spelt.
 *
 * @param claims the verified payload of a JWT, or the introspection response (RFC 7662) of an opaque token
 * @param consumerKeyClaim the issuer's claim that names the client: a string or strings
 * @param alsoClaims a second set of claims of the token: what revokes either of the two revokes it
 * @param knownIssuers of a token that no `iss` names the issuer of: it may be any one's
 */
export function identify(
  credential: Credential,
  claims: JsonObject,
  fingerprints: Fingerprinter,
  consumerKeyClaim = 'aud',
  alsoClaims = claims,
  knownIssuers: readonly string[] = [],
): TokenIdentity {
  const sets = alsoClaims === claims ? [claims] : [claims, alsoClaims]
  const written: WrittenNames = {
    ids: idsOf(credential, namesAt(sets, 'jti')),
    folded: credential.kind === 'opaque' ? [foldedName(unpaddedLowerCase(credential.token))] : NOBODY,
    subjects: namesAt(sets, 'sub'),
    clients: clientsIn(sets, consumerKeyClaim),
    sessions: sessionsIn(sets),
  }
  const named = namesAt(sets, 'iss')
  const issuers = named.length > 0 ? named : [...new Set(knownIssuers)]
  const names = namesBy(written, (kind, id, found) => found.push(fingerprints.of(kind, id)))
  // Not spread: each identity would have a hidden class of its own, and looking one up would be slow.
  return {
    ids: names.ids,
    folded: names.folded,
    subjects: names.subjects,
    clients: names.clients,
    sessions: names.sessions,
    ofIssuer: namesBy(written, (kind, id, found) => {
      for (const issuer of issuers) found.push(fingerprints.ofIssuer(issuer, kind, id))
    }),
    issuers: issuers.map((issuer) => fingerprints.of('issuer', issuer)),
    claims: new ClaimValues(sets, issuers, fingerprints),
    issuedAt: issuedAt(sets),
    expiresAt: moment(claims.exp),
    subject: written.subjects[0],
    client: written.clients.at(-1),
    hash: createHash('sha256').update(credential.token).digest('hex').slice(0, 12),
  }
}

/**
 * The ids under which an id from a *source* is listed. A whole JWT: its canonical signature, never its unverified `jti`.
 * A lone signature: as written, and in its canonical spelling if that differs. Either without its leading zeros, too. Anything else (a `jti`, an opaque token):
 * as written. What may be an opaque token, and is not spelt as {@link opaqueIds} looks it up, also has a folded name.
 */
export function canonicalIds(id: string): { readonly ids: readonly string[]; readonly folded: string | undefined } {
  const trimmed = id.trim()
  const signature = signatureOfJwt(trimmed)
  if (signature !== undefined) return { ids: spellingsOf(signature), folded: undefined }
  const canonical = trimmed.length < SHORTEST_SIGNATURE ? trimmed : (lenientSegment(trimmed) ?? trimmed)
  const loose = unpaddedLowerCase(trimmed)
  const ids = [...new Set([id, trimmed, ...spellingsOf(canonical)])].filter((spelling) => spelling !== '')
  return { ids, folded: loose === trimmed ? undefined : foldedName(loose) }
}

/** A canonical signature, and what every PS256 signature that is equivalent to it is looked up by. */
function spellingsOf(signature: string): string[] {
  return [...new Set([signature, withoutLeadingZeros(signature)])]
}

interface WrittenNames {
  readonly ids: readonly (readonly [TokenId['by'], string])[]
  readonly folded: readonly string[]
  readonly subjects: readonly string[]
  readonly clients: readonly string[]
  readonly sessions: readonly string[]
}

/** Adds the fingerprints of a name. */
type Fingerprinting = (kind: FingerprintKind, id: string, found: Fingerprint[]) => void

function namesBy(names: WrittenNames, add: Fingerprinting): IdentityNames {
  const ids: TokenId[] = []
  const found: Fingerprint[] = []
  for (const [by, id] of names.ids) {
    found.length = 0
    add('token', id, found)
    for (const { hi, lo } of found) ids.push({ by, hi, lo })
  }
  return {
    ids,
    folded: fingerprintsOf('token', names.folded, add),
    subjects: fingerprintsOf('subject', names.subjects, add),
    clients: fingerprintsOf('client', names.clients, add),
    sessions: fingerprintsOf('session', names.sessions, add),
  }
}

function fingerprintsOf(kind: FingerprintKind, ids: readonly string[], add: Fingerprinting): readonly Fingerprint[] {
  if (ids.length === 0) return NONE
  const found: Fingerprint[] = []
  for (const id of ids) add(kind, id, found)
  return found
}

function idsOf(credential: Credential, jtis: readonly string[]): WrittenNames['ids'] {
  const ids: [TokenId['by'], string][] = []
  for (const jti of jtis) ids.push(['jti', jti])
  if (credential.kind === 'opaque') for (const id of opaqueIds(credential.token)) ids.push(['token', id])
  else {
    for (const signature of equivalentSignatures(credential.header.alg, credential.signature))
      ids.push(['signature', signature])
  }
  return ids
}

/**
 * The ids of an opaque token. Its key manager may take `ABC` and `abc=` for `abc`: once one of them is revoked all are. `abc`
 * is listed as itself and looked up for each, any other by the {@link foldedName} of all.
 */
function opaqueIds(token: string): string[] {
  return [...new Set([token, unpaddedLowerCase(token)])].filter((id) => id !== '')
}

/** Stands for every spelling that differs in letter case and padding alone. Begins as no `jti` and no token does. */
function foldedName(loose: string): string {
  return `\u0000${loose}`
}

function unpaddedLowerCase(token: string): string {
  let end = token.length
  while (token[end - 1] === '=') end--
  return token.slice(0, end).toLowerCase()
}

/** A `jti` may have two dots too (`urn.example.4711`): only a first part that is a JSON object makes a JWT of it. */
function signatureOfJwt(id: string): string | undefined {
  const parts = id.split('.', 4)
  if (parts.length !== 3) return undefined
  const header = lenientSegment(parts[0] ?? '')
  return header === undefined || readObject(header) === undefined ? undefined : lenientSegment(parts[2] ?? '')
}

/** The names that a claim has in any of the sets, each once. */
function namesAt(sets: readonly JsonObject[], claim: string): readonly string[] {
  const names: string[] = []
  for (const { [claim]: value } of sets) {
    const name = claimName(value)
    if (name !== undefined && !names.includes(name)) names.push(name)
  }
  return names.length === 0 ? NOBODY : names
}

/** The names of the session: `sid`, and what Keycloak calls it beside or in its place. */
function sessionsIn(sets: readonly JsonObject[]): readonly string[] {
  const [sids, states] = [namesAt(sets, 'sid'), namesAt(sets, 'session_state')]
  return states.length === 0 ? sids : [...new Set([...sids, ...states])]
}

/** The names of the client: each claim may have one, or a list. */
function clientsIn(sets: readonly JsonObject[], consumerKeyClaim: string): readonly string[] {
  const names = new Set<string>()
  const add = (value: unknown) => {
    const name = claimName(value)
    if (name !== undefined) names.add(name)
  }
  for (const claim of [consumerKeyClaim, ...CLIENT_CLAIMS]) {
    for (const { [claim]: value } of sets) {
      if (Array.isArray(value)) value.forEach(add)
      else add(value)
    }
  }
  return [...names]
}

/** The name that a claim's value is, if it is one. Some issuers number their users and tokens; sources write those numbers in decimal. */
export function claimName(value: unknown): string | undefined {
  const name = typeof value === 'number' ? numberText(value) : value
  return typeof name === 'string' && name !== '' ? name : undefined
}

/** Epoch ms of the older `iat`; 0 without one. */
function issuedAt(sets: readonly JsonObject[]): number {
  let oldest = Number.POSITIVE_INFINITY
  for (const { iat } of sets) oldest = Math.min(oldest, moment(iat) ?? oldest)
  return oldest === Number.POSITIVE_INFINITY ? 0 : oldest
}

function moment(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  return Math.floor(value < SECONDS_BELOW ? value * 1000 : value)
}
