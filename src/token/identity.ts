import { createHash } from 'node:crypto'
import { lenientSegment } from './base64url.js'
import type { Credential } from './credential.js'
import type { Fingerprint, Fingerprinter, FingerprintKind } from './fingerprint.js'
import { type JsonObject, readObject } from './json.js'
import { equivalentSignatures } from './signatures.js'

export {
  type CompactJwt,
  type Credential,
  MAX_CREDENTIAL_LENGTH,
  type OpaqueToken,
  readCredential,
  type UnreadableCredential,
} from './credential.js'

/** One of the names under which a token may have been revoked. */
export interface TokenId extends Fingerprint {
  readonly by: 'jti' | 'signature' | 'token'
}

/**
 * What the revocation list needs to know of a token: computed once, when it is verified. Holds no secret. A token that
 * goes by two sets of claims has the names of both.
 */
export interface TokenIdentity {
  readonly ids: readonly TokenId[]
  /** Its `sub`. */
  readonly subjects: readonly Fingerprint[]
  /** Whatever may name its client: the consumer key claim, `azp`, `client_id`, `consumerKey`. */
  readonly clients: readonly Fingerprint[]
  /** Its `sid`. */
  readonly sessions: readonly Fingerprint[]
  /** Epoch ms of its `iat`, the older of two; 0 without one, which every rule takes for revoked. */
  readonly issuedAt: number
  /** Epoch ms of its `exp`. */
  readonly expiresAt: number | undefined
  /** Names it in a log: the first 12 hexadecimal digits of the SHA-256 of its canonical spelling. */
  readonly hash: string
}

/** One for all: a look-up reads its length, and what was read lately is read fast. */
const NONE: readonly Fingerprint[] = []
/** The shortest signature of the algorithms that are accepted: ES256's and Ed25519's. */
const SHORTEST_SIGNATURE = 86
/** A moment above this is not in seconds (RFC 7519's NumericDate) but, by some issuer's mistake, in milliseconds. */
const SECONDS_BELOW = 1e11
/** From here on a moment is too far away to matter in either unit: WSO2 writes Java's Long.MAX_VALUE, in ms or s, for never. */
const NEVER_FROM = 1e15

/**
 * Whether a claim is a moment in seconds. Who verifies a token must not take it for a moment of the far future when the
 * list takes it for one of this year.
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
 * @param claims the verified payload of a JWT, or what introspection (RFC 7662) said of an opaque token
 * @param consumerKeyClaim the issuer's claim that names the client: a string or strings
 * @param alsoClaims another set of claims that the token goes by: whatever revokes either of the two revokes it
 */
export function identify(
  credential: Credential,
  claims: JsonObject,
  fingerprints: Fingerprinter,
  consumerKeyClaim = 'aud',
  alsoClaims = claims,
): TokenIdentity {
  const sets = alsoClaims === claims ? [claims] : [claims, alsoClaims]
  const valuesOf = (claim: string) => sets.map((set) => set[claim])
  const of = (kind: FingerprintKind, ids: string[]) =>
    ids.length === 0 ? NONE : [...new Set(ids)].map((id) => fingerprints.of(kind, id))
  const clientClaims = [consumerKeyClaim, 'azp', 'client_id', 'consumerKey']
  const moments = valuesOf('iat').flatMap((iat) => moment(iat) ?? [])
  return {
    ids: namesOf(credential, valuesOf('jti')).map(([by, id]) => {
      const { hi, lo } = fingerprints.of('token', id)
      return { by, hi, lo }
    }),
    subjects: of('subject', valuesOf('sub').flatMap(nameIn)),
    clients: of('client', clientClaims.flatMap(valuesOf).flatMap(namesIn)),
    sessions: of('session', valuesOf('sid').flatMap(nameIn)),
    issuedAt: moments.length === 0 ? 0 : Math.min(...moments),
    expiresAt: moment(claims.exp),
    hash: createHash('sha256').update(credential.token).digest('hex').slice(0, 12),
  }
}

/**
 * Under which names an id that a *source* wrote goes on the list. A whole JWT is listed by its canonical signature, never
 * by a `jti` that nobody verified; a lone signature is listed as it stands, and by its canonical spelling if that is
 * another; anything else (a `jti`, an opaque token) as it stands.
 */
export function canonicalIds(id: string): string[] {
  const trimmed = id.trim()
  const signature = signatureOfJwt(trimmed)
  if (signature !== undefined) return [signature]
  const spellings = [id, trimmed, trimmed.length < SHORTEST_SIGNATURE ? trimmed : (lenientSegment(trimmed) ?? trimmed)]
  return [...new Set(spellings)].filter((spelling) => spelling !== '')
}

function namesOf(credential: Credential, jtis: readonly unknown[]): [TokenId['by'], string][] {
  const names = [...new Set(jtis.flatMap(nameIn))].map((jti): [TokenId['by'], string] => ['jti', jti])
  if (credential.kind === 'opaque') return [...names, ['token', credential.token]]
  for (const signature of equivalentSignatures(credential.header.alg, credential.signature))
    names.push(['signature', signature])
  return names
}

/** A `jti` may have two dots too (`urn.example.4711`): only a first part that is a JSON object makes a JWT of it. */
function signatureOfJwt(id: string): string | undefined {
  const parts = id.split('.', 4)
  if (parts.length !== 3) return undefined
  const header = lenientSegment(parts[0] ?? '')
  return header === undefined || readObject(header) === undefined ? undefined : lenientSegment(parts[2] ?? '')
}

/** A name is a string; some issuers number their users and tokens, and sources write those numbers in decimal. */
function nameIn(value: unknown): string[] {
  if (typeof value === 'string' && value !== '') return [value]
  return typeof value === 'number' && Number.isSafeInteger(value) ? [String(value)] : []
}

function namesIn(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).flatMap(nameIn)
}

function moment(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  return Math.floor(value < SECONDS_BELOW ? value * 1000 : value)
}
