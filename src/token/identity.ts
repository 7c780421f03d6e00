import { createHash } from 'node:crypto'
import { numberText } from '../json.js'
import { ClaimValues, type TokenClaims } from './claim-set.js'
import { type Credential, type JsonObject, lenientSegment, readObject } from './credential.js'
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
  /** Names it in a log: the first 12 hexadecimal digits of the SHA-256 of its canonical spelling. */
  readonly hash: string
}

/** Shared, so that the length that every look-up reads stays in the processor's cache. */
const NONE: readonly Fingerprint[] = []
/** The orders of the curves of RFC 7518 §3.4, and the bytes of one of a signature's two numbers. */
const CURVES: Readonly<Record<string, { readonly order: bigint; readonly bytes: number }>> = {
  ES256: { order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n, bytes: 32 },
  ES384: {
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    bytes: 48,
  },
  ES512: {
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    bytes: 66,
  },
}
/** Bytes: RSA moduli are usually a multiple of 64 bits long. */
const MODULUS_STEP = 8
/** Characters of the shortest accepted signature: ES256's and Ed25519's. */
const SHORTEST_SIGNATURE = 86
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

/** Whether a claim is an expiry in seconds, or means never. */
export function isExpiry(value: number): boolean {
  return isNumericDate(value) || (value >= NEVER_FROM && value < Number.POSITIVE_INFINITY)
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
  const valuesOf = (claim: string) => sets.map((set) => set[claim])
  const written: WrittenNames = {
    ids: idsOf(credential, valuesOf('jti')),
    folded: credential.kind === 'opaque' ? [foldedName(unpaddedLowerCase(credential.token))] : [],
    subjects: [...new Set(valuesOf('sub').flatMap(nameIn))],
    clients: [...new Set([consumerKeyClaim, 'azp', 'client_id', 'consumerKey'].flatMap(valuesOf).flatMap(namesIn))],
    sessions: [...new Set(valuesOf('sid').flatMap(nameIn))],
  }
  const named = valuesOf('iss').flatMap(nameIn)
  const issuers = [...new Set(named.length > 0 ? named : knownIssuers)]
  const moments = valuesOf('iat').flatMap((iat) => moment(iat) ?? [])
  return {
    ...namesBy(written, (kind, id) => [fingerprints.of(kind, id)]),
    ofIssuer: namesBy(written, (kind, id) => issuers.map((issuer) => fingerprints.ofIssuer(issuer, kind, id))),
    issuers: issuers.map((issuer) => fingerprints.of('issuer', issuer)),
    claims: new ClaimValues(sets, issuers, fingerprints),
    issuedAt: moments.length === 0 ? 0 : Math.min(...moments),
    expiresAt: moment(claims.exp),
    hash: createHash('sha256').update(credential.token).digest('hex').slice(0, 12),
  }
}

/**
 * The ids under which an id from a *source* is listed. A whole JWT: its canonical signature, never its unverified `jti`.
 * A lone signature: as written, and in its canonical spelling if that differs. Anything else (a `jti`, an opaque token):
 * as written. What may be an opaque token, and is not spelt as {@link opaqueIds} looks it up, also has a folded name.
 */
export function canonicalIds(id: string): { readonly ids: readonly string[]; readonly folded: string | undefined } {
  const trimmed = id.trim()
  const signature = signatureOfJwt(trimmed)
  if (signature !== undefined) return { ids: [signature], folded: undefined }
  const canonical = trimmed.length < SHORTEST_SIGNATURE ? trimmed : (lenientSegment(trimmed) ?? trimmed)
  const loose = unpaddedLowerCase(trimmed)
  const ids = [...new Set([id, trimmed, canonical])].filter((spelling) => spelling !== '')
  return { ids, folded: loose === trimmed ? undefined : foldedName(loose) }
}

interface WrittenNames {
  readonly ids: readonly (readonly [TokenId['by'], string])[]
  readonly folded: readonly string[]
  readonly subjects: readonly string[]
  readonly clients: readonly string[]
  readonly sessions: readonly string[]
}

function namesBy(names: WrittenNames, of: (kind: FingerprintKind, id: string) => Fingerprint[]): IdentityNames {
  const all = (kind: FingerprintKind, ids: readonly string[]) =>
    ids.length === 0 ? NONE : ids.flatMap((id) => of(kind, id))
  return {
    ids: names.ids.flatMap(([by, id]) => of('token', id).map(({ hi, lo }) => ({ by, hi, lo }))),
    folded: all('token', names.folded),
    subjects: all('subject', names.subjects),
    clients: all('client', names.clients),
    sessions: all('session', names.sessions),
  }
}

function idsOf(credential: Credential, jtis: readonly unknown[]): [TokenId['by'], string][] {
  const ids = [...new Set(jtis.flatMap(nameIn))].map((jti): [TokenId['by'], string] => ['jti', jti])
  if (credential.kind === 'opaque') return [...ids, ...opaqueIds(credential.token).map(asToken)]
  for (const signature of equivalentSignatures(credential.header.alg, credential.signature))
    ids.push(['signature', signature])
  return ids
}

/**
 * The ids of an opaque token. Its key manager may take `ABC` and `abc=` for `abc`: once one of them is revoked all are. `abc`
 * is listed as itself and looked up for each, any other by the {@link foldedName} of all.
 */
function opaqueIds(token: string): string[] {
  return [...new Set([token, unpaddedLowerCase(token)])].filter((id) => id !== '')
}

function asToken(id: string): [TokenId['by'], string] {
  return ['token', id]
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

/** Some issuers number their users and tokens; sources write those numbers in decimal. */
function nameIn(value: unknown): string[] {
  const name = typeof value === 'number' ? numberText(value) : value
  return typeof name === 'string' && name !== '' ? [name] : []
}

function namesIn(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).flatMap(nameIn)
}

function moment(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  return Math.floor(value < SECONDS_BELOW ? value * 1000 : value)
}

/**
 * Every signature that verifies whenever this one does, itself first. Computing them takes no key.
 *
 * - ES256/384/512: (r, n−s) verifies where (r, s) does.
 * - PS256/384/512: OpenSSL verifies a signature whose leading zero bytes were cut off (one in 256 has some).
 *
 * @param signature canonical base64url
 */
export function equivalentSignatures(alg: unknown, signature: string): string[] {
  if (typeof alg !== 'string') return [signature]
  const curve = Object.hasOwn(CURVES, alg) ? CURVES[alg] : undefined
  if (curve !== undefined) return withNegated(curve.order, curve.bytes, signature)
  return alg.startsWith('PS') ? withLeadingZeros(signature) : [signature]
}

function withNegated(order: bigint, bytes: number, signature: string): string[] {
  const pair = Buffer.from(signature, 'base64url')
  if (pair.length !== 2 * bytes) return [signature]
  const s = BigInt(`0x${pair.toString('hex', bytes)}`)
  if (s === 0n || s >= order) return [signature]
  const negated = (order - s).toString(16).padStart(2 * bytes, '0')
  return [signature, Buffer.concat([pair.subarray(0, bytes), Buffer.from(negated, 'hex')]).toString('base64url')]
}

/** The signature as written, without leading zeros, and zero-padded to the length of a usual modulus. */
function withLeadingZeros(signature: string): string[] {
  const bytes = Buffer.from(signature, 'base64url')
  const first = bytes.findIndex((byte) => byte !== 0)
  if (first < 0) return [signature]
  const least = bytes.subarray(first)
  const full = Buffer.concat([Buffer.alloc(-least.length & (MODULUS_STEP - 1)), least])
  return [...new Set([signature, least.toString('base64url'), full.toString('base64url')])]
}
