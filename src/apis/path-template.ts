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
  if (!template.startsWith('/')) return 'a path must start with /'
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
    else if (segment.length > 0) return 'two parameters of a path must have text between them'
    segment.push(undefined)
    at = match.index + match[0].length
  }
  if (at < text.length || segment.length === 0) segment.push(text.slice(at))
  const broken = segment.some((part) => part !== undefined && /[{}]/.test(part))
  return broken ? 'a brace of a path belongs to no parameter' : segment
}

/** The same template with its literal text replaced. */
export function mapLiterals(template: PathTemplate, replace: (literal: string) => string): PathTemplate {
  const segments = template.segments.map((segment) =>
    segment.map((part) => (part === undefined ? part : replace(part))),
  )
  return { ...template, segments }
}
