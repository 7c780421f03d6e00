import { numberText } from '../../../json.js'
import {
  expiryInstant,
  instant,
  MAX_RECORD_ID_LENGTH,
  NEVER,
  type RevocationRecord,
} from '../../../revocation/index.js'
import { entityRule } from '../../message/index.js'

/** The lists that an event hub's answer may hold, by their names in its newer shape. */
export const HUB_LISTS = ['revokedJWTList', 'revokedJWTSubjectEntityList', 'revokedJWTConsumerKeyList'] as const
export type HubList = (typeof HUB_LISTS)[number]

/** What names the revoked one in an entry of each list, in both spellings. */
const ID_FIELDS: Readonly<Record<HubList, readonly [string, string]>> = {
  revokedJWTList: ['jwt_signature', 'jwtSignature'],
  revokedJWTSubjectEntityList: ['entity_id', 'entityId'],
  revokedJWTConsumerKeyList: ['consumer_key', 'consumerKey'],
}

/**
 * Why an entry revokes nothing that can be recognised. The words are stable: metrics and logs carry them.
 * - `not-an-object`: null, a string, a number, a list
 * - `no-id`: nothing names who or what is revoked
 * - `too-long`: the id, or the entry, is longer than any that is meant
 * - `too-deep`: nested more deeply than any that is meant
 * - `bad-subject`: an entity that is neither a user nor a client
 * - `bad-time`: a rule that names no moment
 */
export type HubEntryProblem = 'not-an-object' | 'no-id' | 'too-long' | 'too-deep' | 'bad-subject' | 'bad-time'

/**
 * The record of an entry, in WSO2's older spelling or its newer one; or why it has none. Pure: `now` is epoch ms.
 *
 * @param keepBeyond milliseconds by which a token's revocation is kept for longer than its entry says
 */
export function hubRecord(
  list: HubList,
  entry: unknown,
  now: number,
  keepBeyond: number,
): RevocationRecord | HubEntryProblem {
  if (!isObject(entry)) return 'not-an-object'
  const [snake, camel] = ID_FIELDS[list]
  const id = idOf(entry[snake] ?? entry[camel])
  if (id === undefined || id === '') return 'no-id'
  if (id.length > MAX_RECORD_ID_LENGTH) return 'too-long'
  if (list === 'revokedJWTList') {
    const expiresAt = expiryInstant(entry.expiry_time ?? entry.expiryTime, now)
    return {
      kind: 'token',
      id,
      expiresAt: expiresAt === undefined ? undefined : Math.min(NEVER, expiresAt + keepBeyond),
    }
  }
  const revokedBefore = instant(entry.revocation_time ?? entry.revocationTime)
  if (revokedBefore === undefined) return 'bad-time'
  if (list === 'revokedJWTConsumerKeyList') return { kind: 'client', id, revokedBefore, expiresAt: undefined }
  return entityRule(entry.entity_type ?? entry.entityType, id, revokedBefore) ?? 'bad-subject'
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A number is read as its digits, as in a message of the topic. */
function idOf(value: unknown): string | undefined {
  if (typeof value === 'number') return numberText(value)
  return typeof value === 'string' ? value : undefined
}
