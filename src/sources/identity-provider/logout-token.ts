import { LOGOUT_EVENT } from '../../auth/index.js'
import { isName, sessionEnded, subjectEnded } from './records.js'
import { idOf, type MessageRules, type ReadMessage, type RefusedMessage, refused } from './rules.js'

/** The media types of a logout token: explicit, or none. */
export const LOGOUT_TOKEN_TYPES = ['logout+jwt', undefined] as const

type Claims = Readonly<Record<string, unknown>>

/**
 * Reads the claims of a logout token whose signature was verified (OpenID Connect Back-Channel Logout 1.0, §2.4 and §2.6). One that
 * names a session ends that session, and never more of its user. An old token without `exp` is taken: it revokes no more
 * than it did when it was new.
 */
export function readLogoutToken(claims: Claims, rules: MessageRules): ReadMessage | RefusedMessage {
  const { iss, aud, sub, sid, jti, iat, nonce } = claims
  if (iss !== rules.issuer) return refused('issuer')
  if (![aud].flat().some((one) => typeof one === 'string' && rules.clientIds.includes(one))) return refused('audience')
  if (nonce !== undefined) return refused('nonce')
  if (!isLogout(claims.events)) return refused('event')
  if (!isName(jti)) return refused('jti')
  if (!isMoment(iat) || iat * 1000 > rules.latest + rules.skew) return refused('issued-at')
  if (hasExpired(claims.exp, rules)) return refused('expired')
  if ([sub, sid].some((name) => name !== undefined && !isName(name))) return refused('subject')
  const id = idOf('logout', jti, iat, isName(sid) ? sid : null, isName(sub) ? sub : null)
  if (isName(sid)) return { id, records: [sessionEnded(rules.issuer, sid)] }
  return isName(sub) ? { id, records: [subjectEnded(rules.issuer, sub, iat)] } : refused('subject')
}

function isLogout(events: unknown): boolean {
  return isObject(events) && Object.hasOwn(events, LOGOUT_EVENT) && isObject(events[LOGOUT_EVENT])
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a value is a moment in seconds since 1970 that a JavaScript date can have. */
export function isMoment(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 1e11
}

/** Whether a time, if there is one, has passed, or is none. */
function hasExpired(exp: unknown, { earliest, skew }: MessageRules): boolean {
  return exp !== undefined && !(isMoment(exp) && exp * 1000 > earliest - skew)
}
