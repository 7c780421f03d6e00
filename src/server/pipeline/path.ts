/**
 * A request target whose path can be read in one way only.
 *
 * Security is per operation, so the gateway's router and the upstream must agree on which operation a path names.
 * The path is therefore never rewritten, and refused if some upstream could read it differently: with dot
 * segments, `//`, path parameters (`;`), an escape of `\`, `;` or a control character, an escape that is invalid
 * or not UTF-8, or an escape of an escape (`%252e`), which an upstream that decodes twice would decode again; all that
 * also where it would be if `%2F` were a slash. Whether `%2F` itself may be there is up to the resource: `RouteTable`.
 */
export interface Target {
  readonly kind: 'target'
  /** Starts with `/`, holds printable ASCII only, and is exactly what the client sent. */
  readonly path: string
  /** What follows the path, the `?` included, verbatim; empty if there is none. */
  readonly query: string
}

/** Why a request target is refused. Stable, and safe for logs, metric labels and answers. */
export type PathRefusalReason =
  | 'not-a-path'
  | 'illegal-character'
  | 'fragment'
  | 'backslash'
  | 'semicolon'
  | 'empty-segment'
  | 'dot-segment'
  | 'invalid-escape'
  | 'invalid-utf-8'
  | 'encoded-control-character'
  | 'double-encoding'

/** A request target that is answered 400. */
export interface PathRefusal {
  readonly kind: 'refusal'
  readonly reason: PathRefusalReason
}

const SLASH = 0x2f
/** Printable ASCII except `#`, which RFC 9112 does not allow and at which some parsers cut a target. */
const PLAIN_TARGET = /^[!-"$-~]*$/
/** The same for a query, in which clients do send raw bytes above ASCII; they are forwarded unchanged. */
const PLAIN_QUERY = /^[!-"$-~\x80-\xff]*$/
/** Suspicious parts of a path without escapes. `DOT_SEGMENT` looks closer at a dot that starts a segment. */
const SUSPICIOUS = /[\\;]|\/[/.]/
/** `?` and `#` end a segment for an upstream that decodes a path before it splits it. */
const DOT_SEGMENT = /\/\.\.?(?:[/?#]|$)/
const INVALID_ESCAPE = /%(?![0-9A-Fa-f]{2})/
/** In a decoded path: what a second decoding would decode again, IIS's `%uXXXX` included. */
const ESCAPE_LEFT = /%(?:[0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4})/
/** RFC 9112 3.2.2. No user information: nobody expects credentials there (RFC 9110 4.2.4). */
const ABSOLUTE_FORM = /^https?:\/\/[A-Za-z0-9.\-_~:[\]]+(?=[/?]|$)/i

const refusals = new Map<PathRefusalReason, PathRefusal>()

/**
 * Reads a raw request target: origin-form, or absolute-form, of which the path after the authority is taken
 * (RFC 9112 3.2.1, 3.2.2). `*` and authority-form are refused: they name no resource.
 */
export function readTarget(url: string): Target | PathRefusal {
  if (url.charCodeAt(0) === SLASH) return readOriginForm(url)
  const authority = ABSOLUTE_FORM.exec(url)
  if (authority === null) return refuse('not-a-path')
  const rest = url.slice(authority[0].length)
  return readOriginForm(rest.charCodeAt(0) === SLASH ? rest : `/${rest}`)
}

function readOriginForm(url: string): Target | PathRefusal {
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  const query = mark === -1 ? '' : url.slice(mark)
  if (!PLAIN_TARGET.test(path)) return refuse(path.includes('#') ? 'fragment' : 'illegal-character')
  if (query !== '' && !PLAIN_QUERY.test(query)) return refuse(query.includes('#') ? 'fragment' : 'illegal-character')
  const reason =
    (SUSPICIOUS.test(path) ? plainFault(path) : undefined) ?? (path.includes('%') ? escapeFault(path) : undefined)
  return reason === undefined ? { kind: 'target', path, query } : refuse(reason)
}

function plainFault(path: string): PathRefusalReason | undefined {
  if (path.includes('\\')) return 'backslash'
  if (path.includes(';')) return 'semicolon'
  if (path.includes('//')) return 'empty-segment'
  return DOT_SEGMENT.test(path) ? 'dot-segment' : undefined
}

function escapeFault(path: string): PathRefusalReason | undefined {
  if (INVALID_ESCAPE.test(path)) return 'invalid-escape'
  const decoded = decode(path)
  if (decoded === undefined) return 'invalid-utf-8'
  if (hasControlCharacter(decoded)) return 'encoded-control-character'
  return plainFault(decoded) ?? (ESCAPE_LEFT.test(decoded) ? 'double-encoding' : undefined)
}

/** `undefined` if the escapes are not UTF-8, as overlong forms and surrogates are not. */
function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true
  }
  return false
}

/** One object per reason: refusing must stay cheap under attack. */
function refuse(reason: PathRefusalReason): PathRefusal {
  const known = refusals.get(reason)
  if (known !== undefined) return known
  const refusal: PathRefusal = Object.freeze({ kind: 'refusal', reason })
  refusals.set(reason, refusal)
  return refusal
}
