import { type Api, covers, demandOf, type Resource } from '../api.js'
import type { Report } from '../definition/problem.js'
import { foldTemplate, mayMeet } from './folding.js'
import { parseTemplate } from './path-template.js'
import { meetMethods } from './report-confusable.js'
import { type ReachPattern, reaches, reachPattern } from './slash-reach.js'

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
  const near = new Neighbours(declared)
  for (const one of declared) {
    if (!one.resource.encodedSlash || one.api.strictUpstream) continue
    const other = near.find(one, (another) => isConfused(one, another))
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
  readonly demand: string
  /** As upstreams fold it. */
  readonly patterns: readonly ReachPattern[]
}

function read(api: Api, resource: Resource): Declared {
  const template = parseTemplate(resource.fullTemplate)
  if (typeof template === 'string') throw new TypeError(`${resource.fullTemplate}: ${template}`)
  const foldings = [foldTemplate(template, 'case'), foldTemplate(template, 'suffixes')]
  return { api, resource, demand: demandOf(resource), patterns: foldings.map(reachPattern) }
}

function isConfused(one: Declared, other: Declared): boolean {
  if (one.demand === other.demand || !meetMethods(one.resource, other.resource)) return false
  const isReached = one.patterns.some((pattern, at) => reaches(pattern, other.patterns[at] ?? pattern))
  if (!isReached || !mayMeet(one.api, other.api)) return false
  return !covers(one.resource, other.resource) || !covers(other.resource, one.resource)
}

/** What is declared, by the literal segments at the beginning of its path: of thousands, few have the same. */
class Neighbours {
  /** By each beginning of those segments. */
  readonly #below = new Map<string, Declared[]>()
  /** By all of them: a parameter or the rest follows. */
  readonly #at = new Map<string, Declared[]>()

  constructor(declared: readonly Declared[]) {
    for (const one of declared) {
      const heads = headsOf(one)
      for (const head of heads) append(this.#below, head, one)
      append(this.#at, heads.at(-1) ?? '', one)
    }
  }

  /** Looks through all whose paths may begin like those of `one`. */
  find(one: Declared, isWanted: (other: Declared) => boolean): Declared | undefined {
    const heads = headsOf(one)
    const shorter = heads.slice(0, -1).flatMap((head) => this.#at.get(head) ?? [])
    return shorter.find(isWanted) ?? this.#below.get(heads.at(-1) ?? '')?.find(isWanted)
  }
}

function headsOf({ patterns }: Declared): string[] {
  const heads = ['']
  for (const segment of patterns.at(-1)?.template.segments ?? []) {
    if (segment.includes(undefined)) break
    heads.push(`${heads.at(-1)}/${segment[0]}`)
  }
  return heads
}

function append(map: Map<string, Declared[]>, key: string, one: Declared): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, [one])
  else known.push(one)
}
