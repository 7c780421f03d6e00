import type { RevocationRecord } from '../record.js'
import { entityRule, expiryInstant, instant } from '../wso2-fields.js'

/** The lists that an event hub's answer may hold, by their names in its newer shape. */
export const HUB_LISTS = ['revokedJWTList', 'revokedJWTSubjectEntityList', 'revokedJWTConsumerKeyList'] as const
export type HubList = (typeof HUB_LISTS)[number]

/** What names the revoked one in an entry of each list; one of the spellings must be there. */
const ID_FIELDS: Readonly<Record<HubList, readonly [string, string]>> = {
  revokedJWTList: ['jwt_signature', 'jwtSignature'],
  revokedJWTSubjectEntityList: ['entity_id', 'entityId'],
  revokedJWTConsumerKeyList: ['consumer_key', 'consumerKey'],
}

/** Longer ids than any token's: WSO2 stores whole JWTs here at times. */
const MAX_ID_LENGTH = 64 * 1024

/** Whether a value has the shape of an entry of the list: an object that has the field of its id. */
export function isHubEntry(list: HubList, value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return ID_FIELDS[list].some((field) => Object.hasOwn(value, field))
}

/**
 * The record of an entry, in WSO2's older spelling or its newer one. `undefined` when the entry revokes nothing that
 * can be recognised: no id, no time of revocation, an entity that is neither a user nor a client.
 */
export function hubRecord(
  list: HubList,
  entry: Readonly<Record<string, unknown>>,
  now: number,
): RevocationRecord | undefined {
  const [snake, camel] = ID_FIELDS[list]
  const id = entry[snake] ?? entry[camel]
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID_LENGTH) return undefined
  if (list === 'revokedJWTList') {
    return { kind: 'token', id, expiresAt: expiryInstant(entry.expiry_time ?? entry.expiryTime, now) }
  }
  const revokedBefore = instant(entry.revocation_time ?? entry.revocationTime)
  if (revokedBefore === undefined) return undefined
  if (list === 'revokedJWTConsumerKeyList') return { kind: 'client', id, revokedBefore, expiresAt: undefined }
  return entityRule(entry.entity_type ?? entry.entityType, id, revokedBefore)
}
