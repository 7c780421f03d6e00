/** What a request's credentials header holds. */
export type Bearer =
  | { readonly kind: 'token'; readonly credential: string }
  /** No such header, or another scheme's. */
  | { readonly kind: 'missing' }
  /** The scheme is Bearer, what follows is no token (RFC 6750 §2.1, `b64token`). */
  | { readonly kind: 'malformed' }
  /** More than one such header: which of them an upstream would read cannot be told. */
  | { readonly kind: 'ambiguous' }

const MISSING: Bearer = { kind: 'missing' }
const MALFORMED: Bearer = { kind: 'malformed' }
const AMBIGUOUS: Bearer = { kind: 'ambiguous' }
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i
const SCHEME = /^bearer(?: |$)/i
/** Old WSO2 tokens are padded within, too: `=` before a dot. */
const PADDED_JWT = /^bearer +([A-Za-z0-9\-_+/]+=*\.[A-Za-z0-9\-_+/]+=*\.[A-Za-z0-9\-_+/]*=*) *$/i

/**
 * Finds the bearer token of a request. Reads `rawHeaders`, where a second header of the name shows; Node's `headers`
 * hides it, and an upstream might prefer it.
 *
 * @param header the header's lower-case name
 */
export function readBearer(rawHeaders: readonly string[], header: string): Bearer {
  let value: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== header.length || name.toLowerCase() !== header) continue
    if (value !== undefined) return AMBIGUOUS
    value = rawHeaders[i + 1] as string
  }
  if (value === undefined || !SCHEME.test(value)) return MISSING
  const credential = (BEARER.exec(value) ?? PADDED_JWT.exec(value))?.[1]
  return credential === undefined ? MALFORMED : { kind: 'token', credential }
}
