import type { PathTemplate, Segment } from './path-template.js'

/** A template as {@link reaches} follows it. */
export interface ReachPattern {
  readonly template: PathTemplate
  readonly parts: readonly Part[]
}

/** What a path is matched by, in turn: a character, a parameter (`undefined`), or any rest (`null`). */
type Part = string | undefined | null

/** Positions are bits of a number. */
const MAX_SEGMENTS = 30

export function reachPattern(template: PathTemplate): ReachPattern {
  const parts = template.segments.flatMap((segment): Part[] => [
    '/',
    ...segment.flatMap((part) => (part === undefined ? [part] : [...part])),
  ])
  return { template, parts: template.wildcard ? [...parts, '/', null] : parts }
}

/**
 * Whether some path of the one template whose values hold a slash is a path of the other. Follows both templates at once,
 * character by character: a value of the first may hold slashes, one of the second may not.
 */
export function reaches(from: ReachPattern, to: ReachPattern): boolean {
  if (!mayReach(from.template, to.template)) return false
  const [ours, theirs] = [from.parts, to.parts]
  const seen = new Set<number>()
  const open: [at: number, there: number, slash: boolean][] = [[0, 0, false]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [at, there, slash] = next
    const key = (at * (theirs.length + 1) + there) * 2 + Number(slash)
    if (seen.has(key)) continue
    seen.add(key)
    if (slash && isOver(ours, at) && isOver(theirs, there)) return true
    if (at === ours.length || there === theirs.length) continue
    const [our, their] = [ours[at], theirs[there]]
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
function isOver(parts: readonly Part[], at: number): boolean {
  return at === parts.length || parts[at] === null
}

/**
 * False for most templates that do not reach one another, and never for those that do: a definition of thousands of
 * operations has millions of pairs. Goes from segment to segment; of text beside a parameter it reads the beginning.
 */
function mayReach(from: PathTemplate, to: PathTemplate): boolean {
  const count = to.segments.length
  if (count > MAX_SEGMENTS) return true
  const all = 2 ** (count + 1) - 1
  const end = 2 ** count
  /** The segments of `to` that may come next. */
  let places = 1
  for (const segment of from.segments) {
    if (to.wildcard && (places & end) !== 0) return true
    let next = 0
    for (let at = 0; at < count; at++) {
      if ((places & (2 ** at)) === 0 || !mayBegin(segment, to.segments[at] ?? [])) continue
      next |= segment.includes(undefined) ? all & -(2 ** (at + 1)) : 2 ** (at + 1)
    }
    if (next === 0) return false
    places = next
  }
  return from.wildcard || (places & end) !== 0
}

/** Whether some text of the one segment, up to a slash in it, is one of the other. */
function mayBegin([ours = '', ...more]: Segment, [theirs = '', ...others]: Segment): boolean {
  if (more.length === 0 && others.length === 0) return ours === '' || theirs === '' || ours === theirs
  return ours.startsWith(theirs) || theirs.startsWith(ours)
}
