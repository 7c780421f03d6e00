import { numberText, parseJson } from '../../json.js'
import type { MalformedReason, TopicMessage } from './message.js'

/** What is read of a body, in characters or bytes: the longest real event, a JWT in JSON, is far shorter. */
export const MAX_BODY_LENGTH = 64 * 1024

/** The named values of a message. A `Map`, because a name such as `__proto__` comes from outside. */
export type Fields = ReadonlyMap<string, unknown>

/**
 * Finds the fields of a message: those of its map body, else of its text (JSON, flat or under `event.payloadData`, or a
 * form; bytes that are UTF-8 count as text), else its properties. ActiveMQ's REST interface passes a form on as either.
 * When none of them speaks of a token, the answer is the reason, by preference what is wrong with the body.
 */
export function messageFields(message: TopicMessage): Fields | MalformedReason {
  const body = bodyFields(message)
  if (typeof body !== 'string' && speaks(body)) return body
  if (message.properties !== undefined && speaks(message.properties)) return message.properties
  return typeof body === 'string' ? body : 'no-token'
}

/** The fields of a JSON object in `text`, or what is wrong with it. */
export function jsonFields(text: string): Fields | MalformedReason {
  let value: unknown
  try {
    value = parseJson(text)
  } catch {
    return 'not-json'
  }
  return toFields(value) ?? 'not-an-object'
}

function bodyFields({ map, text, bytes }: TopicMessage): Fields | MalformedReason {
  if (map !== undefined) return map
  if (text !== undefined) return textFields(text)
  if (bytes === undefined) return 'no-token'
  if (bytes.length > MAX_BODY_LENGTH) return 'too-long'
  const decoded = utf8(bytes)
  return decoded === undefined ? 'not-json' : textFields(decoded)
}

function textFields(text: string): Fields | MalformedReason {
  if (text.length > MAX_BODY_LENGTH) return 'too-long'
  if (text.trim() === '') return 'no-token'
  const fields = jsonFields(text)
  if (typeof fields === 'string') return (fields === 'not-json' ? formFields(text) : undefined) ?? fields
  return toFields(toFields(fields.get('event'))?.get('payloadData')) ?? fields
}

/** The fields of an `application/x-www-form-urlencoded` text; `undefined` if it does not name a token. */
function formFields(text: string): Fields | undefined {
  const form = new URLSearchParams(text.trim())
  return form.has('revokedToken') ? new Map(form) : undefined
}

/** Whether the fields are those of an event at all: a body without them leaves the word to the properties. */
function speaks(fields: Fields): boolean {
  return fields.has('revokedToken') || fields.has('type')
}

function toFields(value: unknown): Fields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return new Map(Object.entries(value))
}

const LONG_BYTES = 8
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** The text of UTF-8 `bytes`, without a byte order mark; `undefined` when they are something else. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * A field that ought to be text, as publishers really send it: a string, a number, a bigint, or its UTF-8 bytes.
 * White space around it is kept: a name may have it. `undefined` for everything else.
 */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'bigint') return String(value)
  if (Buffer.isBuffer(value)) return utf8(value)
  return undefined
}

/**
 * A field that ought to be a moment, in one of the forms that `instant` reads. An integer that a JavaScript number
 * can't hold comes from AMQP 1.0 as its 8 bytes, and from some clients a timestamp as a `Date`.
 */
export function momentOf(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.length === LONG_BYTES ? value.readBigInt64BE() : utf8(value)
  return value instanceof Date ? value.getTime() : value
}
