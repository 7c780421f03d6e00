import { instant, type RevocationRecord } from '../../revocation/index.js'

/**
 * Why a message says nothing that can be believed. The words are stable: metrics and logs carry them.
 * - `undecodable-body`: the protocol's own encoding of the body is broken
 * - `too-long`: the body, or the id in it, is longer than any that is meant
 * - `not-json`, `not-an-object`: a text body that is neither JSON nor a form, or JSON that is no object
 * - `no-token`: nothing names a token
 * - `bad-token`: the token's field is empty, or holds what can't be one
 * - `bad-event`: an indirect event whose content is not the base64 of a JSON object
 * - `bad-subject`: an indirect event that names nobody, or a kind of entity that no rule is for
 * - `bad-time`: an indirect event that names no moment
 */
export const MALFORMED_REASONS = [
  'undecodable-body',
  'too-long',
  'not-json',
  'not-an-object',
  'no-token',
  'bad-token',
  'bad-event',
  'bad-subject',
  'bad-time',
] as const

export type MalformedReason = (typeof MALFORMED_REASONS)[number]

export interface MalformedReading {
  readonly kind: 'malformed'
  readonly reason: MalformedReason
}

/** What a message says. `resync` is a batch event: pull the lists again. */
export type MessageReading =
  | { readonly kind: 'records'; readonly records: readonly RevocationRecord[] }
  | { readonly kind: 'resync' }
  | MalformedReading

/** The reading of a message that is refused for `reason`. */
export function malformed(reason: MalformedReason): MalformedReading {
  return { kind: 'malformed', reason }
}

/**
 * What a message of a broker's topic holds, whatever the protocol that carried it. At most one of `map`, `text` and
 * `bytes` is there; none of them for a message that has only properties, or whose body is never read (Java objects).
 * Whole numbers are `number` where that is exact, else `bigint`.
 */
export interface TopicMessage {
  readonly map?: ReadonlyMap<string, unknown>
  readonly text?: string
  readonly bytes?: Buffer
  readonly properties?: ReadonlyMap<string, unknown>
  /** When it was published (epoch ms), if the broker or the publisher says: for measuring, and nothing else. */
  readonly publishedAt?: number
}

/** What a message's time of publishing says, written in ms or in seconds; nothing if it is no time. */
export function published(at: unknown): Pick<TopicMessage, 'publishedAt'> {
  const publishedAt = typeof at === 'number' || typeof at === 'bigint' ? instant(at) : undefined
  return publishedAt === undefined ? {} : { publishedAt }
}
