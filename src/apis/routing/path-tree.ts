import findMyWay from 'find-my-way'
import { mapLiterals, type PathTemplate, type Segment } from './path-template.js'

/**
 * Finds what a path leads to among path templates: find-my-way, kept from reading more into paths than we do.
 *
 * Left alone it decodes escapes, ends a path at `?` and `#`, reads `:`, `*` and `(` of a template in its own way, stops
 * at parameters of 100 characters and lets a parameter be empty. Here a path is text and compared as it is.
 * In each place, in this order: literal text, parameters among literal text, a parameter alone, the wildcard.
 */
export class PathTree<Leaf> {
  /**
   * Since `//` is refused, the only empty segment is one after the last slash. Templates that end in a parameter are
   * not in `#directories` at all, so no parameter takes that empty segment.
   */
  readonly #directories = emptyRouter()
  readonly #leaves = emptyRouter()

  constructor(entries: Iterable<readonly [PathTemplate, Leaf]>) {
    const sorted = [...entries].sort(([a], [b]) => literalLength(b) - literalLength(a))
    for (const [template, leaf] of sorted) {
      const pattern = toPattern(mapLiterals(template, neutral))
      if (template.wildcard || endsInSlash(template)) this.#directories.on('GET', pattern, unused, { leaf })
      if (template.wildcard || !endsInSlash(template)) this.#leaves.on('GET', pattern, unused, { leaf })
    }
  }

  /** `undefined` if no template matches. `path` holds no `//`. */
  find(path: string): Leaf | undefined {
    if (path.charCodeAt(0) !== SLASH) return undefined
    const router = path.charCodeAt(path.length - 1) === SLASH ? this.#directories : this.#leaves
    const found = router.find('GET', SPECIAL.test(path) ? neutral(path) : path)
    return found === null ? undefined : (found.store as { leaf: Leaf }).leaf
  }
}

const SLASH = 0x2f
/** What find-my-way would treat in its own way, and the characters that stand in for it. */
const STAND_INS = new Map([
  ['%', '\uE001'],
  ['?', '\uE002'],
  ['#', '\uE003'],
  ['*', '\uE004'],
])
/** Stands in for a stand-in that was there before; templates hold none, so it only ever matches a parameter. */
const OCCUPIED = '\uE005'
const SPECIAL = /[%?#*\uE001-\uE005]/
const ALL_SPECIAL = /[%?#*\uE001-\uE005]/g

function neutral(text: string): string {
  return text.replace(ALL_SPECIAL, (special) => STAND_INS.get(special) ?? OCCUPIED)
}

function emptyRouter(): findMyWay.Instance<findMyWay.HTTPVersion.V1> {
  return findMyWay({
    caseSensitive: true,
    ignoreTrailingSlash: false,
    ignoreDuplicateSlashes: false,
    maxParamLength: Number.POSITIVE_INFINITY,
    querystringParser: () => ({}),
  })
}

function unused(): void {}

function endsInSlash(template: PathTemplate): boolean {
  const last = template.segments.at(-1)
  return last?.length === 1 && last[0] === ''
}

function literalLength(template: PathTemplate): number {
  return template.segments.flat().reduce((sum, part) => sum + (part?.length ?? 0), 0)
}

function toPattern(template: PathTemplate): string {
  const segments = template.segments.map(segmentPattern)
  return `/${(template.wildcard ? [...segments, '*'] : segments).join('/')}`
}

function segmentPattern(segment: Segment): string {
  if (segment.length === 1) return segment[0] === undefined ? ':p' : escapeColons(segment[0])
  return segment.map((part, at) => (part === undefined ? `:p(${parameter(segment, at)})` : escapeColons(part))).join('')
}

/**
 * A parameter ends where the text after it first occurs, the last one at the segment's end: nothing is tried twice, so
 * no path, however long, takes more than linear time.
 */
function parameter(segment: Segment, at: number): string {
  const next = segment[at + 1]
  const last = at + 2 >= segment.length
  return last || next === undefined ? '[^/]+' : `[^/](?:(?!${escapeRegExp(next)})[^/])*`
}

function escapeColons(literal: string): string {
  return literal.replaceAll(':', '::')
}

function escapeRegExp(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
