import { createHash } from 'node:crypto'
import type { Answer } from '../../../http-client/index.js'

/** Whose answer a mark is about: another user may be shown another list. */
export interface Asked {
  readonly url: string
  readonly username: string
  /** Epoch ms of the request. */
  readonly at: number
}

interface Mark {
  readonly reader: number
  readonly of: string
  readonly at: number
  readonly etag?: string
  readonly modified?: string
}

/** HTTP's form of a moment, more or less. */
const DATE = /^[\w ,:]{1,64}$/
/** To be raised when entries are read otherwise than before: what an older version took in is then read again. */
const READER = 1
/** A strong one (RFC 9110, 8.8.3). A weak one may stay the same when an entry is added within its second. */
const ETAG = /^"[\x21\x23-\x7e]{1,512}"$/

/**
 * A mark of an answer, for {@link conditionOf}; `undefined` if its headers name nothing by which a change is told for
 * certain: a strong ETag, or a Last-Modified whose second was over when the hub was asked.
 *
 * @param took milliseconds from the request to the answer's headers
 */
export function markOf(headers: Answer['headers'], asked: Asked, took: number): string | undefined {
  const mark = { reader: READER, of: nameOf(asked), at: asked.at }
  const { etag, date, 'last-modified': modified } = headers
  if (typeof etag === 'string' && ETAG.test(etag)) return JSON.stringify({ ...mark, etag } satisfies Mark)
  if (typeof modified !== 'string' || typeof date !== 'string' || !DATE.test(modified)) return undefined
  const second = 1_000
  // By the hub's own clock. An entry that comes in the same second, after the hub has read its list, changes no date.
  const isOver = Date.parse(modified) + second <= Date.parse(date) - took
  return isOver ? JSON.stringify({ ...mark, modified } satisfies Mark) : undefined
}

/**
 * The header that asks only for what is not as it was at `mark`; none if the mark is another's, or older than `life` (ms):
 * the whole is then to be listed.
 */
export function conditionOf(mark: string | undefined, asked: Asked, life: number): Readonly<Record<string, string>> {
  const { reader, of, at = Number.NaN, etag, modified } = parse(mark)
  const age = asked.at - at
  if (reader !== READER || of !== nameOf(asked) || !(age >= 0 && age < life)) return {}
  if (etag !== undefined) return ETAG.test(etag) ? { 'if-none-match': etag } : {}
  return modified !== undefined && DATE.test(modified) ? { 'if-modified-since': modified } : {}
}

function nameOf({ url, username }: Asked): string {
  return createHash('sha256').update(`${url}\n${username}`).digest('base64url').slice(0, 16)
}

function parse(mark: string | undefined): Partial<Mark> {
  if (mark === undefined) return {}
  try {
    return { ...(JSON.parse(mark) as Partial<Mark>) }
  } catch {
    return {}
  }
}
