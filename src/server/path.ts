/**
 * The path of a request, as bytes that nobody may read in two ways.
 *
 * Security is per operation, so the gateway's router and the upstream must agree on which operation a path names.
 * The path is therefore never rewritten, and one that some upstream could read differently is refused: with dot
 * segments, `//`, path parameters (`;`), an escape of `/`, `\`, `;` or a control character, an escape that is invalid
 * or no UTF-8, or an escape of an escape (`%252e`), which an upstream that decodes twice would decode again.
 */
export interface Target {
  readonly kind: 'target'
  /** Starts with `/`, holds printable ASCII only, and is exactly what the client sent. */
  readonly path: string
  /** What follows the path, the `?` included, verbatim; empty if there is none. */
  readonly query: string
}

/** Why a request target is refused. Stable, and fit for a log, a metric's label and the answer. */
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
  | 'encoded-slash'
  | 'encoded-control-character'
  | 'double-encoding'

/** A request target that is answered 400. */
export interface PathRefusal {
  readonly kind: 'refusal'
  readonly reason: PathRefusalReason
}

const SLASH = 0x2f
/** Printable ASCII but `#`, which RFC 9112 has no place for and which some readers cut a target at. */
const PLAIN_TARGET = /^[!-"$-~]*$/
/** As above for a query, where clients do send raw bytes above ASCII; they pass as they are. */
const PLAIN_QUERY = /^[!-"$-~\x80-\xff]*$/
/** What a path without escapes is refused for. A dot that starts a segment is looked at more closely. */
const SUSPICIOUS = /[\\;]|\/[/.]/
/** `?` and `#` end a segment for an upstream that decodes first and takes the path apart then. */
const DOT_SEGMENT = /\/\.\.?(?:[/?#]|$)/
const INVALID_ESCAPE = /%(?![0-9A-Fa-f]{2})/
/** In a path that is decoded once: what would be decoded by a second turn, IIS's `%uXXXX` included. */
const ESCAPE_LEFT = /%(?:[0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4})/
/** RFC 9112 3.2.2. No user information: it is credentials in a place where nobody expects any (RFC 9110 4.2.4). */
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
  if (slashes(decoded) !== slashes(path)) return 'encoded-slash'
  if (hasControlCharacter(decoded)) return 'encoded-control-character'
  return plainFault(decoded) ?? (ESCAPE_LEFT.test(decoded) ? 'double-encoding' : undefined)
}

/** `undefined` if what the escapes spell is no UTF-8: overlong forms and surrogates, too, are none. */
function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

function slashes(text: string): number {
  let count = 0
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1)) count++
  return count
}

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true
  }
  return false
}

/** One object a reason: refusing costs an attacker more than it costs us. */
function refuse(reason: PathRefusalReason): PathRefusal {
  const known = refusals.get(reason)
  if (known !== undefined) return known
  const refusal: PathRefusal = Object.freeze({ kind: 'refusal', reason })
  refusals.set(reason, refusal)
  return refusal
}
