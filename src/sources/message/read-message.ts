import { expiryInstant } from '../../revocation/index.js'
import { type Fields, messageFields } from './fields.js'
import { isIndirect, readIndirect } from './indirect-event.js'
import { type MessageReading, malformed } from './reading.js'
import { momentOf, textOf } from './scalar.js'
import type { TopicMessage } from './topic-message.js'

/** The longest id that is believed, in characters: request headers are limited to half of it. */
export const MAX_ID_LENGTH = 16 * 1024
/** WSO2's `type` of an event that stands for many: the list is to be pulled again. */
const BATCH = 'token_revocation_batch'

/**
 * Reads what a message of the topic says, from whichever publisher it is. Pure: `now` is epoch ms. Never throws.
 * `expiryTime` is believed when it lies ahead; `ttl` never is (its unit differs between publishers).
 */
export function readMessage(message: TopicMessage, now: number): MessageReading {
  const fields = messageFields(message)
  return typeof fields === 'string' ? malformed(fields) : readFields(fields, now)
}

function readFields(fields: Fields, now: number): MessageReading {
  const type = textOf(fields.get('type'))
  if (type === BATCH) return { kind: 'resync' }
  if (!fields.has('revokedToken')) return malformed('no-token')
  const id = textOf(fields.get('revokedToken'))
  if (id === undefined || id === '') return malformed('bad-token')
  if (id.length > MAX_ID_LENGTH) return malformed('too-long')
  if (type !== undefined && isIndirect(type)) return readIndirect(type, id)
  const expiresAt = expiryInstant(momentOf(fields.get('expiryTime')), now)
  return { kind: 'records', records: [{ kind: 'token', id, expiresAt }] }
}
