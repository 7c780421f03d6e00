import { type Api, covers, demandOf, type Resource } from '../api.js'
import type { Report } from '../definition/problem.js'
import { fits } from './folded-places.js'
import { foldLiteral, foldTemplate, mayMeet, SUFFIXES } from './folding.js'
import { isLiteral, isMoreSpecific, type PathTemplate, parseTemplate, type Segment } from './path-template.js'

/** Paths that a line names; of the others it says how many they are. */
const MAX_NAMED = 5
const REMEDY = 'set x-mgw-strict-upstream: true if the upstream tells such paths apart'

interface Declared {
  readonly api: Api
  readonly resource: Resource
  readonly template: PathTemplate
  readonly folded: PathTemplate
}

/**
 * Reports paths that require less than others with which an upstream may confuse them. A path with parameters is a note:
 * such requests must meet the requirements of both. A literal path is a warning: it is served as it is declared.
 */
export function reportConfusable(apis: readonly Api[], shadowed: ReadonlySet<Resource>, report: Report): void {
  const declared = apis.flatMap((api) => api.resources.filter((one) => !shadowed.has(one)).map((r) => declare(api, r)))
  const demanding = groupByDemand(declared)
  if (demanding.size < 2) return
  const found = new Map<string, { less: Declared; more: Set<string> }>()
  for (const less of declared) {
    if (less.api.strictUpstream) continue
    const { askingMore } = demanding.get(demandOf(less.resource)) ?? NOBODY
    const more = askingMore.filter((other) => isConfused(less, other)).map(({ resource }) => resource.fullTemplate)
    const known = found.get(less.resource.fullTemplate)
    if (known !== undefined) for (const path of more) known.more.add(path)
    else if (more.length > 0) found.set(less.resource.fullTemplate, { less, more: new Set(more) })
  }
  for (const { less, more } of found.values()) tell(less, [...more], report)
}

const NOBODY: { readonly askingMore: readonly Declared[] } = { askingMore: [] }

/** By what is asked for: all that ask for something more. Most operations of an API ask for one of a few things. */
function groupByDemand(declared: readonly Declared[]): ReadonlyMap<string, typeof NOBODY> {
  const groups = new Map<string, Declared[]>()
  for (const one of declared) {
    const demand = demandOf(one.resource)
    const group = groups.get(demand)
    if (group === undefined) groups.set(demand, [one])
    else group.push(one)
  }
  const asksMore = ([less]: readonly Declared[], [more]: readonly Declared[]) =>
    less !== undefined && more !== undefined && !covers(less.resource, more.resource)
  return new Map(
    [...groups].map(([demand, group]) => [
      demand,
      { askingMore: [...groups.values()].filter((other) => asksMore(group, other)).flat() },
    ]),
  )
}

function declare(api: Api, resource: Resource): Declared {
  const template = parseTemplate(resource.fullTemplate)
  if (typeof template === 'string') throw new TypeError(`${resource.fullTemplate}: ${template}`)
  return { api, resource, template, folded: foldTemplate(template, 'suffixes') }
}

function tell({ api, resource, template }: Declared, more: readonly string[], report: Report): void {
  const others = more.length > MAX_NAMED ? ` and ${more.length - MAX_NAMED} more` : ''
  const paths = more.slice(0, MAX_NAMED).join(', ') + others
  const message = `${resource.fullTemplate} requires less than ${paths}`
  const { file } = api
  if (isLiteral(template)) {
    const danger = 'an upstream that ignores letter case, trailing slashes or suffixes may confuse them'
    report.warn({ file, message: `${message}: ${danger}`, remedy: `give both the same security; ${REMEDY}` })
  } else {
    const held = 'requests that an upstream may confuse must meet the requirements of both'
    report.note({ file, message: `${message}: ${held}`, remedy: REMEDY })
  }
}

/** Whether a request for the one may be served by the other. */
function isConfused(less: Declared, more: Declared): boolean {
  if (!meetMethods(less.resource, more.resource)) return false
  if (less.resource.fullTemplate === more.resource.fullTemplate) return false
  return meet(less, more) && mayMeet(less.api, more.api) && !isMoreSpecific(less.template, more.template)
}

/** Whether a request may be for the one and for the other, by its method: GET serves HEAD, too. */
export function meetMethods({ method: one }: Resource, { method: other }: Resource): boolean {
  return one === other || one === '*' || other === '*' || (isRead(one) && isRead(other))
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Whether some path that matches `less` has a reading that matches `more`. */
function meet({ template, folded: less }: Declared, { folded: more }: Declared): boolean {
  const length = Math.max(less.segments.length, more.segments.length)
  for (let at = 0; at < length; at++) {
    const [ours, theirs] = [less.segments[at], more.segments[at]]
    if (ours === undefined) return less.wildcard
    if (theirs === undefined) return more.wildcard
    const last = at === less.segments.length - 1 || at === more.segments.length - 1
    if (!meetSegments(ours, theirs, last)) return false
  }
  // Of the same length, and a path that ends in a slash goes on.
  return less.wildcard || !more.wildcard || template.segments.length > less.segments.length
}

function meetSegments(ours: Segment, theirs: Segment, last: boolean): boolean {
  const [text, other] = [literalOf(ours), literalOf(theirs)]
  if (text !== undefined && other !== undefined) return text === other || (last && onlySuffixesDiffer(text, other))
  if (text !== undefined) return spellings(text, last).some((spelling) => fits(theirs, spelling))
  if (other !== undefined) return spellings(other, last).some((spelling) => fits(ours, spelling))
  const [first = '', another = ''] = [ours[0], theirs[0]]
  return first.startsWith(another) || another.startsWith(first)
}

/** Both are folded, but a segment that is not its template's last one has its suffixes. */
function onlySuffixesDiffer(one: string, other: string): boolean {
  return (one.startsWith(other) || other.startsWith(one)) && foldLiteral(one, true) === foldLiteral(other, true)
}

function literalOf(segment: Segment): string | undefined {
  return segment.length === 1 ? segment[0] : undefined
}

/** What a folded text may have been before. */
function spellings(text: string, last: boolean): string[] {
  return ['', ' ', '.', ...(last ? SUFFIXES : [])].map((end) => text + end)
}
