import { instant, type RuleRevocation } from '../../revocation/index.js'
import { type Fields, jsonFields } from './fields.js'
import { type MessageReading, malformed } from './reading.js'
import { momentOf, textOf, utf8 } from './scalar.js'

/** A consumer application's tokens end: WSO2's `type` of the event. */
const CONSUMER_APP = 'consumer_app_revocation_event'
/** The tokens of a user, or of a client, end. */
const SUBJECT_ENTITY = 'subject_entity_revocation_event'

const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/

/** Whether an event of this `type` names, in place of a token, whose tokens end. */
export function isIndirect(type: string | undefined): boolean {
  return type === CONSUMER_APP || type === SUBJECT_ENTITY
}

/** Reads an indirect event, whose `revokedToken` is the base64 of a JSON object, into its rule. */
export function readIndirect(type: string, revokedToken: string): MessageReading {
  const fields = decode(revokedToken)
  if (fields === undefined) return malformed('bad-event')
  const id = textOf(fields.get(type === CONSUMER_APP ? 'consumerKey' : 'entityId'))
  if (id === undefined || id === '') return malformed('bad-subject')
  const revokedBefore = instant(momentOf(fields.get('revocationTime')))
  if (revokedBefore === undefined) return malformed('bad-time')
  const rule: RuleRevocation | undefined =
    type === CONSUMER_APP
      ? { kind: 'client', id, revokedBefore, expiresAt: undefined }
      : entityRule(textOf(fields.get('entityType')), id, revokedBefore)
  return rule === undefined ? malformed('bad-subject') : { kind: 'records', records: [rule] }
}

/**
 * The rule of a subject entity's revocation: WSO2's `USER_ID` is the token's `sub`, `CLIENT_ID` its client.
 * `undefined` for any other entity type.
 */
export function entityRule(entityType: unknown, id: string, revokedBefore: number): RuleRevocation | undefined {
  const kind = entityType === 'USER_ID' ? 'subject' : entityType === 'CLIENT_ID' ? 'client' : undefined
  return kind === undefined ? undefined : { kind, id, revokedBefore, expiresAt: undefined }
}

function decode(base64: string): Fields | undefined {
  if (!BASE64.test(base64)) return undefined
  const text = utf8(Buffer.from(base64, 'base64'))
  const fields = text === undefined ? undefined : jsonFields(text)
  return typeof fields === 'string' ? undefined : fields
}
