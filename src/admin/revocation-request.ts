import { type RevocationRecord, revocable } from '../revocation/index.js'

/** What is wrong with a request, for whoever sent it. Names the member, and holds nothing of its value. */
export interface BadRequest {
  readonly problem: string
}

const NAMES = ['token', 'jti', 'subject', 'clientId', 'session'] as const
type Name = (typeof NAMES)[number]
const RULES = { subject: 'subject', clientId: 'client', session: 'session' } as const
const MEMBERS: ReadonlySet<string> = new Set([...NAMES, 'revokedBefore', 'expiry'])
/** Characters of an id; a whole token may be longer: `revocable` says how long. */
const MAX_ID = 16_384
/** A moment below this is in seconds: as milliseconds it would be 1973. */
const SECONDS_BELOW = 1e11
const LAST_INSTANT = 8.64e15
/** How far ahead, ms, a rule's moment may lie: the sender's clock may be ahead, but tokens to come are not revoked. */
const MAX_AHEAD = 60_000

/**
 * Reads the body of `POST /revocations`: exactly one of `token`, `jti`, `subject`, `clientId` and `session`; for the last
 * three, `revokedBefore` (by default `now`); for all, `expiry`. Moments are seconds or ms since 1970, or ISO 8601.
 * A member that is not known is refused: who mistypes `revokedBefore` would revoke something else.
 *
 * @param now epoch ms
 */
export function readRevocationRequest(text: string, now: number): RevocationRecord | BadRequest {
  const body = parse(text)
  if (body === undefined) return bad('the body must be a JSON object')
  const unknown = Object.keys(body).find((name) => !MEMBERS.has(name))
  if (unknown !== undefined) return bad(`only ${[...MEMBERS].join(', ')} may be given`)
  const [name, ...others] = NAMES.filter((each) => body[each] !== undefined)
  if (name === undefined || others.length > 0) return bad(`exactly one of ${NAMES.join(', ')} must be given`)
  const id = body[name]
  if (typeof id !== 'string' || id.trim() === '') return bad(`${name} must be a string that is not empty`)
  const expiresAt = moment(body.expiry)
  if (body.expiry !== undefined && !(expiresAt !== undefined && expiresAt > now)) {
    return bad('expiry must be a moment to come: seconds or ms since 1970, or ISO 8601')
  }
  return record(name, id, body.revokedBefore, expiresAt, now)
}

function record(
  name: Name,
  id: string,
  before: unknown,
  expiresAt: number | undefined,
  now: number,
): RevocationRecord | BadRequest {
  if (name !== 'token' && id.length > MAX_ID) return bad(`${name} must have at most ${MAX_ID} characters`)
  if (name === 'token' || name === 'jti') {
    if (before !== undefined) return bad('revokedBefore goes with subject, clientId and session only')
    if (name === 'jti') return { kind: 'token', id, expiresAt }
    return revocable(id.trim(), now, expiresAt)?.record ?? bad('token must be a token: visible ASCII, at most 65536')
  }
  const revokedBefore = before === undefined ? now : moment(before)
  if (revokedBefore === undefined) return bad('revokedBefore must be seconds or ms since 1970, or ISO 8601')
  if (revokedBefore > now + MAX_AHEAD) return bad('revokedBefore must not lie ahead: tokens to come cannot be revoked')
  return { kind: RULES[name], id, revokedBefore, expiresAt }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}

function moment(value: unknown): number | undefined {
  if (typeof value === 'number') {
    if (!(value > 0) || value > LAST_INSTANT) return undefined
    return Math.floor(value < SECONDS_BELOW ? value * 1000 : value)
  }
  const parsed = typeof value === 'string' && /^\d{4}-/.test(value) ? Date.parse(value) : Number.NaN
  return parsed > 0 ? parsed : undefined
}

function bad(problem: string): BadRequest {
  return { problem }
}
