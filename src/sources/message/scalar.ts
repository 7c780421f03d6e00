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
 * Surrounding white space is dropped. `undefined` for everything else, and for a number that JSON has rounded.
 */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim()
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined
  if (typeof value === 'bigint') return String(value)
  if (Buffer.isBuffer(value)) return utf8(value)?.trim()
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
