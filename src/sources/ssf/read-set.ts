import { instant } from '../../revocation/index.js'
import type { JsonObject } from '../../token/index.js'
import { SetError } from './set-error.js'

/** The media type of a SET, its header's `typ` and the body of a push (RFC 8417 §2.3, §7.2). */
export const SET_TYPE = 'secevent+jwt'
/** Events in one SET: SSF 1.0 wants one, RFC 8417 allows several that tell of the same thing. */
const MAX_EVENTS = 8
/** Characters of the longest `jti`. */
export const MAX_JTI = 1_024

/** A security event token (RFC 8417) whose signature is verified, and that is for us. Times are epoch ms. */
export interface SecurityEventToken {
  readonly jti: string
  readonly issuedAt: number
  /** Whom it is about (RFC 9493); not read yet. */
  readonly subject: JsonObject
  readonly events: readonly { readonly type: string; readonly payload: JsonObject }[]
}

/** Whose SETs are accepted, for whom, and when it is. */
export interface ExpectedSet {
  readonly issuer: string
  /** One of these must be among the SET's audiences. */
  readonly audience: readonly string[]
  /** Epoch ms. A SET from later than this is not accepted yet. */
  readonly latest: number
}

/**
 * Reads the claims of a verified SET by the profile of SSF 1.0 §4: `sub_id` required, `sub` and `exp` absent, so that neither
 * an ID token nor an access token passes for one. Unknown claims are ignored. Throws {@link SetError}.
 */
export function readSet(claims: JsonObject, { issuer, audience, latest }: ExpectedSet): SecurityEventToken {
  const { iss, aud, jti, iat, sub_id: subject, events } = claims
  if (iss !== issuer) throw new SetError('invalid_issuer', 'issuer', 'iss is not the issuer of this stream')
  if (!audience.some((each) => audiencesIn(aud).includes(each))) {
    throw new SetError('invalid_audience', 'audience', 'aud does not name this stream')
  }
  if ('exp' in claims) throw invalid('exp', 'a SET has no exp')
  if ('sub' in claims) throw invalid('sub', 'a SET has sub_id in place of sub')
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI) throw invalid('jti', 'jti is missing or unusable')
  const issuedAt = typeof iat === 'number' ? instant(iat) : undefined
  if (issuedAt === undefined) throw invalid('iat', 'iat is missing or no time')
  if (issuedAt > latest) throw new SetError('invalid_request', 'future', 'iat lies in the future', true)
  if (!isObject(subject)) throw invalid('subject', 'sub_id is missing or no object')
  return { jti, issuedAt, subject, events: eventsIn(events) }
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function audiencesIn(aud: unknown): readonly unknown[] {
  return Array.isArray(aud) ? aud : [aud]
}

function eventsIn(events: unknown): SecurityEventToken['events'] {
  if (!isObject(events)) throw invalid('events', 'events is missing or no object')
  const members = Object.entries(events)
  if (members.length === 0) throw invalid('events', 'events is empty')
  if (members.length > MAX_EVENTS) throw invalid('events', `more than ${MAX_EVENTS} events`)
  return members.map(([type, payload]) => {
    if (!isObject(payload)) throw invalid('events', 'an event is no object')
    return { type, payload }
  })
}

function invalid(reason: string, message: string): SetError {
  return new SetError('invalid_request', reason, message)
}
