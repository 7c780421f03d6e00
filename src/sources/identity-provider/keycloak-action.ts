import type { JSONValue, RevocationRecord } from '../../revocation/index.js'
import { isMoment } from './logout-token.js'
import { afterSecond, clientEnded, isName, issuerEnded, sessionEnded } from './records.js'
import { idOf, type MessageRules, type ReadMessage, type RefusedMessage, refused } from './rules.js'

/** The media type of what Keycloak sends to an admin URL. */
export const ACTION_TYPES = ['jwt'] as const
/** Sessions of one message. */
const MAX_SESSIONS = 1_000

type Claims = Readonly<Record<string, unknown>>

/** What is below an admin URL, and the action that is received there. */
export const ACTIONS = { k_logout: 'LOGOUT', k_push_not_before: 'PUSH_NOT_BEFORE' } as const
export type ActionPath = keyof typeof ACTIONS

/**
 * Reads what Keycloak sends to the admin URL of a client, its signature verified: `{id, expiration, resource, action}` and what
 * the action needs. Neither `iss` nor `aud` tell it from another of the realm's JWTs: so whatever names one of them is none.
 *
 * A log-out of sessions ends those. One that names none is a client's or the realm's, which look alike: it ends what was issued to
 * the client `resource` before `notBefore`, or so far if there is none, in the whole of that second; with `realmWide`, what was issued to any. So far: by the
 * issuer's `Date`, which nobody signed, and so never later than the message's own `expiration`.
 */
export function readKeycloakAction(
  claims: Claims,
  path: ActionPath,
  rules: MessageRules,
): ReadMessage | RefusedMessage {
  const { id, expiration, resource, action, notBefore } = claims
  if ([claims.iss, claims.aud, claims.sub].some((claim) => claim !== undefined)) return refused('type')
  if (action !== ACTIONS[path]) return refused('action')
  if (!isName(resource) || !rules.clientIds.includes(resource)) return refused('resource')
  if (!isName(id)) return refused('id')
  if (!isMoment(expiration) || expiration * 1000 <= rules.earliest - rules.skew) return refused('expired')
  if (notBefore !== undefined && !isMoment(notBefore)) return refused('not-before')
  const records =
    path === 'k_logout' ? loggedOut(claims, resource, expiration, rules) : notBeforeOf(resource, notBefore ?? 0, rules)
  if ('problem' in records) return records
  const { keycloakSessionIds = null } = claims
  return { id: idOf(path, id, resource, notBefore, expiration, keycloakSessionIds as JSONValue), records }
}

function notBeforeOf(resource: string, notBefore: number, rules: MessageRules): readonly RevocationRecord[] {
  return notBefore === 0 ? [] : endedBefore(resource, notBefore * 1000, rules) // 0: there is no such moment any more
}

function loggedOut(
  claims: Claims,
  resource: string,
  expiration: number,
  rules: MessageRules,
): readonly RevocationRecord[] | RefusedMessage {
  const sessions = namesIn(claims.keycloakSessionIds)
  const adapterSessions = namesIn(claims.adapterSessionIds)
  if (sessions === undefined || adapterSessions === undefined) return refused('sessions')
  if (sessions.length > 0) return sessions.map((sid) => sessionEnded(rules.issuer, sid))
  // Sessions by names that only an adapter of Keycloak's has: no token names them, and it is not about more than those.
  if (adapterSessions.length > 0) return refused('sessions')
  const { notBefore } = claims
  const moment = isMoment(notBefore) && notBefore > 0 ? notBefore : Math.min(rules.latest / 1000, expiration)
  return endedBefore(resource, afterSecond(moment), rules)
}

function endedBefore(resource: string, revokedBefore: number, { issuer, realmWide }: MessageRules): RevocationRecord[] {
  return [realmWide ? issuerEnded(issuer, revokedBefore) : clientEnded(issuer, resource, revokedBefore)]
}

/** Names of sessions; `undefined` for what is no list of names. */
function namesIn(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return []
  return Array.isArray(value) && value.length <= MAX_SESSIONS && value.every(isName) ? value : undefined
}
