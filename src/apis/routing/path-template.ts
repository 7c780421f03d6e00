/** A path template of OpenAPI (`/pet/{petId}.json`), cut into segments of literal text and parameters. */
export interface PathTemplate {
  readonly segments: readonly Segment[]
  /** A last segment `*`, which stands for any rest of the path, however many segments: WSO2's reading of it. */
  readonly wildcard: boolean
  /** Equal for two templates that match the same paths: `/pet/{}.json`. */
  readonly shape: string
}

/** Literals and parameters, in turn; a parameter is `undefined`. */
export type Segment = readonly (string | undefined)[]

const PARAMETER = /\{[^{}/]+\}/g

/**
 * Reads a template, or says what is wrong with it. A parameter stands for one or more characters of a segment, and
 * two of them never touch: `{a}{b}` could be cut in any place.
 */
export function parseTemplate(template: string): PathTemplate | string {
  if (!template.startsWith('/')) return 'path must start with /'
  const wildcard = template.endsWith('/*')
  const texts = template.slice(1).split('/')
  if (wildcard) texts.pop()
  const segments: Segment[] = []
  for (const text of texts) {
    const segment = parseSegment(text)
    if (typeof segment === 'string') return segment
    segments.push(segment)
  }
  return { segments, wildcard, shape: template.replace(PARAMETER, '{}') }
}

function parseSegment(text: string): Segment | string {
  const segment: (string | undefined)[] = []
  let at = 0
  for (const match of text.matchAll(PARAMETER)) {
    if (match.index > at) segment.push(text.slice(at, match.index))
    else if (segment.length > 0) return 'two path parameters must have text between them'
    segment.push(undefined)
    at = match.index + match[0].length
  }
  if (at < text.length || segment.length === 0) segment.push(text.slice(at))
  const broken = segment.some((part) => part !== undefined && /[{}]/.test(part))
  return broken ? 'path has an unmatched brace' : segment
}

/** The same template with its literal text replaced. */
export function mapLiterals(template: PathTemplate, replace: (literal: string) => string): PathTemplate {
  const segments = template.segments.map((segment) =>
    segment.map((part) => (part === undefined ? part : replace(part))),
  )
  return { ...template, segments }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: to refuse them
const REFUSED_ESCAPED = /[\x00-\x1f\x7f-\x9f]|%(?:[0-9a-f]{2}|u[0-9a-f]{4})/i
const REFUSED = /[?#;\\]|\/\/|\/\.\.?(?:\/|$)/

/**
 * A template as requests spell it, with everything but ASCII escaped. `undefined` for one that no accepted path matches:
 * with a query, a matrix parameter, dot segments, or an escape that is refused.
 */
export function writableTemplate(template: string): string | undefined {
  try {
    const escaped = template.replace(/[^!-~]+/gu, encodeURIComponent)
    const literal = escaped.replace(PARAMETER, 'x')
    const decoded = decodeURIComponent(literal)
    const refused = REFUSED.test(literal) || REFUSED.test(decoded) || REFUSED_ESCAPED.test(decoded)
    return refused || decoded.split('/').length > literal.split('/').length ? undefined : escaped
  } catch {
    // An invalid escape, or half a surrogate pair.
    return undefined
  }
}

/** Segments of plain characters: what a request's path may hold without an escape, and no braces or wildcards. */
const BASE_PATH = /^(?:\/[A-Za-z0-9\-._~!$&'()+,=:@]+)*$/
const DOT_SEGMENT = /\/\.\.?(?:\/|$)/

/**
 * Where the gateway serves an API: `{version}` stands for the API's version, one trailing slash means nothing, `/` is
 * the root, written as the empty text. `undefined` for an invalid base path, or one that needs a missing version.
 */
export function normalizeBasePath(text: string, version: string): string | undefined {
  if (version === '' && text.includes('{version}')) return undefined
  const path = text.replaceAll('{version}', version).replace(/\/$/, '')
  return BASE_PATH.test(path) && !DOT_SEGMENT.test(path) ? path : undefined
}

/** Whether a template names one path only. */
export function isLiteral({ segments, wildcard }: PathTemplate): boolean {
  return !wildcard && !segments.some((segment) => segment.includes(undefined))
}

/** Whether a path that matches both leads to the first, as the route table has it: the first segment that differs decides. */
export function isMoreSpecific(one: PathTemplate, other: PathTemplate): boolean {
  const [ours, theirs] = [ranks(one), ranks(other)]
  for (let at = 0; at < Math.min(ours.length, theirs.length); at++) {
    if (ours[at] !== theirs[at]) return (ours[at] ?? 0) > (theirs[at] ?? 0)
  }
  return false
}

function ranks({ segments, wildcard }: PathTemplate): number[] {
  return wildcard ? [...segments.map(rank), 0] : segments.map(rank)
}

/** Text, a parameter among text, a parameter; the rest of the path is 0. */
function rank(segment: Segment): number {
  return !segment.includes(undefined) ? 3 : segment.length > 1 ? 2 : 1
}

/** `undefined` if its escapes are invalid, or not UTF-8. */
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
