import { instant, type RevocationRecord, revocable } from '../revocation/index.js'

/** Why a request is invalid, for its sender. Names the member, never its value. */
export interface BadRequest {
  readonly problem: string
}

const NAMES = ['token', 'jti', 'subject', 'clientId', 'session'] as const
type Name = (typeof NAMES)[number]
const RULES = { subject: 'subject', clientId: 'client', session: 'session' } as const
const MEMBERS: ReadonlySet<string> = new Set([...NAMES, 'revokedBefore', 'expiry'])
/** Longest id, in characters; `revocable` limits whole tokens. */
const MAX_ID = 16_384
/** How far, ms, a rule's time may lie ahead: the sender's clock may be fast, but future tokens cannot be revoked. */
const MAX_AHEAD = 60_000

/**
 * Reads the body of `POST /revocations`: exactly one of `token`, `jti`, `subject`, `clientId` and `session`; for the last
 * three, `revokedBefore` (by default `now`); for all, `expiry`. Times are seconds or ms since 1970, or ISO 8601.
 * Unknown members are refused: a mistyped `revokedBefore` would revoke something else.
 *
 * @param now epoch ms
 */
export function readRevocationRequest(text: string, now: number): RevocationRecord | BadRequest {
  const body = parse(text)
  if (body === undefined) return bad('the body must be a JSON object')
  const unknown = Object.keys(body).find((name) => !MEMBERS.has(name))
  if (unknown !== undefined) return bad(`unknown member; the members are ${[...MEMBERS].join(', ')}`)
  const [name, ...others] = NAMES.filter((each) => body[each] !== undefined)
  if (name === undefined || others.length > 0) return bad(`exactly one of ${NAMES.join(', ')} is required`)
  const id = body[name]
  if (typeof id !== 'string' || id.trim() === '') return bad(`${name} must be a non-empty string`)
  const expiresAt = time(body.expiry)
  if (body.expiry !== undefined && !(expiresAt !== undefined && expiresAt > now)) {
    return bad('expiry must be a future time: seconds or ms since 1970, or ISO 8601')
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
    if (before !== undefined) return bad('revokedBefore requires subject, clientId or session')
    if (name === 'jti') return { kind: 'token', id, expiresAt }
    return revocable(id.trim(), now, expiresAt)?.record ?? bad('token must be visible ASCII, at most 65536 characters')
  }
  const revokedBefore = before === undefined ? now : time(before)
  if (revokedBefore === undefined) return bad('revokedBefore must be seconds or ms since 1970, or ISO 8601')
  if (revokedBefore > now + MAX_AHEAD)
    return bad('revokedBefore must not be in the future: tokens not yet issued cannot be revoked')
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

function time(value: unknown): number | undefined {
  if (typeof value === 'number') return instant(value)
  const parsed = typeof value === 'string' && /^\d{4}-/.test(value) ? Date.parse(value) : Number.NaN
  return parsed > 0 ? parsed : undefined
}

function bad(problem: string): BadRequest {
  return { problem }
}
