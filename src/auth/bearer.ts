/** What a request's credentials header holds. */
export type Bearer =
  | { readonly kind: 'token'; readonly credential: string }
  /** No such header, or another scheme's. */
  | { readonly kind: 'missing' }
  /** The scheme is Bearer, and what follows is not a token (RFC 6750 §2.1, `b64token`). */
  | { readonly kind: 'malformed' }
  /** More than one such header: an upstream might read the other one. */
  | { readonly kind: 'ambiguous' }

const MISSING: Bearer = { kind: 'missing' }
const MALFORMED: Bearer = { kind: 'malformed' }
const AMBIGUOUS: Bearer = { kind: 'ambiguous' }
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i
const SCHEME = /^bearer(?: |$)/i
/** Old WSO2 tokens are padded within, too: `=` before a dot. */
const PADDED_JWT = /^bearer +([A-Za-z0-9\-_+/]+=*\.[A-Za-z0-9\-_+/]+=*\.[A-Za-z0-9\-_+/]*=*) *$/i

/**
 * Finds the bearer token of a request in the header of this name, and nowhere else ({@link carriedTokens} does). Reads
 * `rawHeaders`, which shows a second header of the name: Node's `headers` hides it, and an upstream might prefer it. An
 * upstream might also prefer one whose name differs in `_` and `-` alone: CGI makes one variable of both.
 *
 * @param header the header's lower-case name
 */
export function readBearer(rawHeaders: readonly string[], header: string): Bearer {
  let value: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== header.length) continue
    const lower = name.toLowerCase()
    if (lower === header) {
      if (value !== undefined) return AMBIGUOUS
      value = rawHeaders[i + 1] as string
    } else if (lower.replaceAll('_', '-') === header.replaceAll('_', '-')) return AMBIGUOUS
  }
  if (value === undefined || !isBearerScheme(value)) return MISSING
  const credential = bearerCredential(value)
  return credential === undefined ? MALFORMED : { kind: 'token', credential }
}

/** Whether a header's value is of the scheme Bearer, as RFC 6750 §2.1 spells it, in any case. */
export function isBearerScheme(value: string): boolean {
  return SCHEME.test(value)
}

/** The token in a value of the scheme Bearer; `undefined` if what follows the scheme is none. */
export function bearerCredential(value: string): string | undefined {
  return (BEARER.exec(value) ?? PADDED_JWT.exec(value))?.[1]
}

/**
 * Whether a query holds an `access_token` (RFC 6750 §2.3), which an upstream may read instead of the header's. Upstreams
 * decode names before comparing them, some ignore case, some separate parameters by `;`, and PHP takes `access.token`,
 * ` access_token`, `access_token[]` and `access_token%00x` for the same name.
 */
export function hasQueryToken(query: string): boolean {
  if (query.length < QUERY_TOKEN_LENGTH) return false
  return QUERY_TOKEN.test(query.includes('%') ? query.replace(ESCAPE, unescaped) : query)
}

const QUERY_TOKEN = /[?&;][ +]*access[_. +[]token(?:\[[^=&;]*)?(?:[=&;\0]|$)/i
const QUERY_TOKEN_LENGTH = '?access_token'.length
const ESCAPE = /%(00|[2-7][0-9a-f])/gi

/** Separators stay as they are: an escaped one separates nothing. */
function unescaped(written: string, hex: string): string {
  const c = String.fromCharCode(Number.parseInt(hex, 16))
  return /[\w .[\]\0]/.test(c) ? c : written
}

/** The values of `access_token` in a query, as upstreams may decode them: as it stands in a URI, in a form, or twice. */
export function queryTokens(query: string): string[] {
  const found: string[] = []
  for (const parameter of query.slice(1).split(/[&;]/)) {
    if (!hasQueryToken(`?${parameter}`)) continue
    const value = parameter.slice(parameter.indexOf('=') + 1)
    const decoded = value.replace(ANY_ESCAPE, character)
    found.push(value, decoded, decoded.replaceAll('+', ' '), decoded.replace(ANY_ESCAPE, character))
  }
  return [...new Set(found)]
}

const ANY_ESCAPE = /%([0-9a-f]{2})/gi

function character(_: string, hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16))
}
