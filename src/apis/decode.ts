/** `undefined` if its escapes spell no UTF-8, or nothing. */
export function tryDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Literal text of a template as an upstream reads it. */
export function decodeLiteral(literal: string): string {
  return tryDecode(literal) ?? literal
}
