import { type Api, covers, type Resource } from '../api.js'
import type { Report } from '../definition/problem.js'
import { foldTemplate, mayMeet } from './folding.js'
import { type PathTemplate, parseTemplate } from './path-template.js'
import { meetMethods } from './report-confusable.js'

const ESCAPED = /%2f/gi
/** One character that no template holds: only a parameter, or the rest of a path, matches it. */
const STAND_IN = '\uE005'
const REMEDY =
  'give both the same security, set x-mgw-encoded-slash on other paths alone, or x-mgw-strict-upstream: true if the upstream never decodes %2F to find a resource'

/** Whether a slash of the path is escaped. */
export function hasEncodedSlash(path: string): boolean {
  return path.includes('%2F') || path.includes('%2f')
}

/** The path with one character, which separates nothing, in place of each escaped slash. */
export function withoutEncodedSlash(path: string): string {
  return path.replace(ESCAPED, STAND_IN)
}

/**
 * Reports resources whose paths may hold escaped slashes (`x-mgw-encoded-slash`) and which an upstream that decodes such a
 * slash before it looks for the resource takes for one with other demands: one of the two would be served by what the other
 * asks for. An upstream that is strict tells them apart.
 */
export function checkEncodedSlashes(apis: readonly Api[], shadowed: ReadonlySet<Resource>, report: Report): void {
  const declared = apis.flatMap((api) => api.resources.filter((one) => !shadowed.has(one)).map((one) => read(api, one)))
  for (const one of declared) {
    if (!one.resource.encodedSlash || one.api.strictUpstream) continue
    const other = declared.find((another) => isConfused(one, another))
    if (other === undefined) continue
    const [path, taken] = [one.resource.fullTemplate, other.resource.fullTemplate]
    const message = `${path} must not allow encoded slashes: an upstream that decodes %2F may take it for ${taken}, which requires`
    const demand = covers(one.resource, other.resource)
      ? 'less'
      : covers(other.resource, one.resource)
        ? 'more'
        : 'other scopes'
    report.error({ file: one.api.file, message: `${message} ${demand}`, remedy: REMEDY })
  }
}

interface Declared {
  readonly api: Api
  readonly resource: Resource
  readonly foldings: readonly PathTemplate[]
}

function read(api: Api, resource: Resource): Declared {
  const template = parseTemplate(resource.fullTemplate)
  if (typeof template === 'string') throw new TypeError(`${resource.fullTemplate}: ${template}`)
  return { api, resource, foldings: [foldTemplate(template, 'case'), foldTemplate(template, 'suffixes')] }
}

function isConfused(one: Declared, other: Declared): boolean {
  if (covers(one.resource, other.resource) && covers(other.resource, one.resource)) return false
  if (!meetMethods(one.resource, other.resource) || !mayMeet(one.api, other.api)) return false
  return one.foldings.some((folded, at) => reaches(folded, other.foldings[at] ?? folded))
}

/** What a path is matched by, in turn: a character, a parameter (`undefined`), or any rest (`null`). */
type Pattern = readonly Part[]
type Part = string | undefined | null

function patternOf({ segments, wildcard }: PathTemplate): Pattern {
  const pattern = segments.flatMap((segment) => [
    '/',
    ...segment.flatMap((part) => (part === undefined ? [part] : [...part])),
  ])
  return wildcard ? [...pattern, '/', null] : pattern
}

/**
 * Whether some path of the one template whose values hold a slash is a path of the other. Follows both templates at once,
 * character by character: a value of the first may hold slashes, one of the second may not.
 */
function reaches(from: PathTemplate, to: PathTemplate): boolean {
  const [ours, theirs] = [patternOf(from), patternOf(to)]
  const seen = new Set<number>()
  const open: [at: number, there: number, slash: boolean][] = [[0, 0, false]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [at, there, slash] = next
    const key = (at * (theirs.length + 1) + there) * 2 + Number(slash)
    if (seen.has(key)) continue
    seen.add(key)
    const [our, their] = [ours[at], theirs[there]]
    if (slash && isOver(ours, at) && isOver(theirs, there)) return true
    if (at === ours.length || there === theirs.length) continue
    const takesSlash = their === '/' || their === null
    if (isText(our) && !(isText(their) ? our === their : our !== '/' || takesSlash)) continue
    const bySlash = slash || (!isText(our) && takesSlash)
    for (const a of nexts(our, at)) for (const b of nexts(their, there)) open.push([a, b, bySlash])
  }
  return false
}

/** Where a pattern may be after one more character. */
function nexts(part: Part, at: number): number[] {
  return isText(part) ? [at + 1] : part === null ? [at] : [at, at + 1]
}

function isText(part: Part): part is string {
  return typeof part === 'string'
}

/** Whether nothing more must come. */
function isOver(pattern: Pattern, at: number): boolean {
  return at === pattern.length || pattern[at] === null
}
