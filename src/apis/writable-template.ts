const PARAMETER = /\{[^{}/]+\}/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: to refuse them
const REFUSED_ESCAPED = /[\x00-\x1f\x7f-\x9f]|%(?:[0-9a-f]{2}|u[0-9a-f]{4})/i
const REFUSED = /[?#;\\]|\/\/|\/\.\.?(?:\/|$)/

/**
 * A template as requests' paths spell it, what is not ASCII escaped. `undefined` for one that no path which the gateway
 * lets through matches: with a query, a path parameter, dot segments, an escape that is refused.
 */
export function writableTemplate(template: string): string | undefined {
  try {
    const escaped = template.replace(/[^!-~]+/gu, encodeURIComponent)
    const literal = escaped.replace(PARAMETER, 'x')
    const decoded = decodeURIComponent(literal)
    const refused = REFUSED.test(literal) || REFUSED.test(decoded) || REFUSED_ESCAPED.test(decoded)
    return refused || decoded.split('/').length > literal.split('/').length ? undefined : escaped
  } catch {
    // An escape that is none, or half a surrogate pair.
    return undefined
  }
}
