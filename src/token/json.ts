/** The members of a JOSE header or of a claims set. */
export type JsonObject = Readonly<Record<string, unknown>>

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a JSON object that can be read one way only: valid UTF-8, no member named twice at any depth (parsers differ in
 * which of the two they take; RFC 7519 §4 lets us refuse). `undefined` for anything else.
 */
export function readObject(segment: string): JsonObject | undefined {
  try {
    const text = UTF8.decode(Buffer.from(segment, 'base64url'))
    const value: unknown = JSON.parse(text)
    if (!isObject(value) || writtenMembers(text) !== heldMembers(value)) return undefined
    return value
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** In valid JSON, each colon outside of a string stands in a member. */
function writtenMembers(text: string): number {
  let count = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (inString && c === 0x5c /* \ */) i++
    else if (c === 0x22 /* " */) inString = !inString
    else if (!inString && c === 0x3a /* : */) count++
  }
  return count
}

/** Walks without recursion: who nests 20,000 arrays must not end the process. */
function heldMembers(root: unknown): number {
  let count = 0
  const rest: unknown[] = [root]
  for (let value = rest.pop(); value !== undefined; value = rest.pop()) {
    if (typeof value !== 'object' || value === null) continue
    if (!Array.isArray(value)) count += Object.keys(value).length
    for (const inner of Object.values(value)) rest.push(inner)
  }
  return count
}
