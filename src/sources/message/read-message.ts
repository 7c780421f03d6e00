import { expiryInstant, instant, isIssuer, type NameRevocation } from '../../revocation/index.js'
import { type Fields, jsonFields, messageFields, momentOf, textOf, utf8 } from './fields.js'
import { type MessageReading, malformed, type TopicMessage } from './message.js'

/** The longest id that is believed, in characters: request headers are limited to half of it. */
export const MAX_ID_LENGTH = 16 * 1024
/** WSO2's `type` of a batch event: the stores are to be listed again. */
const BATCH = 'token_revocation_batch'

/**
 * Reads what a message of the topic says, from whichever publisher it is. Pure: `now` is epoch ms. Never throws.
 * `expiryTime` is believed when it lies ahead; `ttl` never is (its unit differs between publishers). `iss`, which WSO2 never
 * sends, is the issuer whose tokens alone are meant.
 */
export function readMessage(message: TopicMessage, now: number): MessageReading {
  const fields = messageFields(message)
  return typeof fields === 'string' ? malformed(fields) : readFields(fields, now)
}

function readFields(fields: Fields, now: number): MessageReading {
  const type = textOf(fields.get('type'))?.trim()
  if (type === BATCH) return { kind: 'resync' }
  if (!fields.has('revokedToken')) return malformed('no-token')
  const id = textOf(fields.get('revokedToken'))
  if (id === undefined || id.trim() === '') return malformed('bad-token')
  if (id.length > MAX_ID_LENGTH) return malformed('too-long')
  const scope = fields.has('iss') ? { iss: issuerOf(fields.get('iss')) } : {}
  if (type !== undefined && isIndirect(type)) return readIndirect(type, id.trim(), scope)
  const expiresAt = expiryInstant(momentOf(fields.get('expiryTime')), now)
  return { kind: 'records', records: [{ kind: 'token', id, ...scope, expiresAt }] }
}

/** A consumer application's tokens end: WSO2's `type` of the event. */
const CONSUMER_APP = 'consumer_app_revocation_event'
/** The tokens of a user, or of a client, end. */
const SUBJECT_ENTITY = 'subject_entity_revocation_event'

const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/

/**
 * Who an event means; with what can name no issuer it means any: it revokes in any case. Also with white space around it,
 * which is the issuer's or the publisher's.
 */
function issuerOf(value: unknown): string | null {
  const iss = textOf(value)
  return isIssuer(iss) && iss === iss.trim() ? iss : null
}

/** Whether an event of this `type` names, in place of a token, whose tokens end. */
function isIndirect(type: string | undefined): boolean {
  return type === CONSUMER_APP || type === SUBJECT_ENTITY
}

/** Reads an indirect event, whose `revokedToken` is the base64 of a JSON object, into its rule. */
function readIndirect(type: string, revokedToken: string, scope: { readonly iss?: string | null }): MessageReading {
  const fields = decode(revokedToken)
  if (fields === undefined) return malformed('bad-event')
  const name = textOf(fields.get(type === CONSUMER_APP ? 'consumerKey' : 'entityId'))
  if (name === undefined || name.trim() === '') return malformed('bad-subject')
  const revokedBefore = instant(momentOf(fields.get('revocationTime')))
  if (revokedBefore === undefined) return malformed('bad-time')
  const entityType = type === CONSUMER_APP ? 'CLIENT_ID' : textOf(fields.get('entityType'))?.trim()
  // White space around a name is the name's or the publisher's: both spellings are revoked, as those of a token's id are.
  const rules = [...new Set([name, name.trim()])].map((id) => entityRule(entityType, id, revokedBefore))
  const records = rules.flatMap((rule) => (rule === undefined ? [] : [{ ...rule, ...scope }]))
  return records.length === 0 ? malformed('bad-subject') : { kind: 'records', records }
}

function decode(base64: string): Fields | undefined {
  if (!BASE64.test(base64)) return undefined
  const text = utf8(Buffer.from(base64, 'base64'))
  const fields = text === undefined ? undefined : jsonFields(text)
  return typeof fields === 'string' ? undefined : fields
}

/**
 * The rule of a subject entity's revocation: WSO2's `USER_ID` is the token's `sub`, `CLIENT_ID` its client.
 * `undefined` for any other entity type.
 */
export function entityRule(entityType: unknown, id: string, revokedBefore: number): NameRevocation | undefined {
  const kind = entityType === 'USER_ID' ? 'subject' : entityType === 'CLIENT_ID' ? 'client' : undefined
  return kind === undefined ? undefined : { kind, id, revokedBefore, expiresAt: undefined }
}
