import type { Api, Resource } from './api.js'
import { mapLiterals, parseTemplate, type Segment } from './path-template.js'
import type { Report } from './problem.js'
import { decodeLiteral } from './route-table.js'

/** Secured paths that a warning names; of the others it says how many they are. */
const MAX_NAMED = 5
/** Stands for the value of a parameter: has no other case, and templates hold none. */
const VALUE = '\uE006'

/**
 * Warns of open paths that an upstream which ignores letter case takes for secured ones: /admin beside a secured /Admin, or
 * /{x}, where /ADMIN leads, beside a secured /admin.
 */
export function warnOfLetterCase(api: Api, report: Report): void {
  const places = api.resources.map((resource) => ({ resource, parts: partsOf(resource.template) }))
  const secured = places.filter(({ resource }) => resource.secured)
  const exposed = new Map<string, Set<string>>()
  for (const open of places.filter(({ resource }) => !resource.secured)) {
    const found = secured.filter((one) => serves(open.resource, one.resource) && isRespelt(open.parts, one.parts))
    const known = exposed.get(open.resource.fullTemplate) ?? []
    exposed.set(open.resource.fullTemplate, new Set([...known, ...found.map((one) => one.resource.fullTemplate)]))
  }
  for (const [path, found] of exposed) if (found.size > 0) warn(api.file, path, [...found], report)
}

function warn(file: string, open: string, secured: readonly string[], report: Report): void {
  const more = secured.length > MAX_NAMED ? ` and ${secured.length - MAX_NAMED} more` : ''
  const paths = secured.slice(0, MAX_NAMED).join(', ') + more
  const message = `${open} is open: an upstream that ignores letter case would serve ${paths} without a token`
  report.warn({ file, message, remedy: 'secure both, or see that the upstream tells upper case from lower' })
}

/** Whether requests for the one operation reach the other where their paths do. GET serves HEAD, too. */
function serves({ method }: Resource, other: Resource): boolean {
  return (
    [method, other.method].includes('*') || method === other.method || (method === 'GET' && other.method === 'HEAD')
  )
}

/** A segment, or the rest of the path. */
interface Part {
  /** Where a path matches two parts, it leads to the higher one: rest, parameter, parameter among text, text. */
  readonly rank: 0 | 1 | 2 | 3
  readonly segment: Segment
  /** The segment with {@link VALUE} for its parameters. */
  readonly text: string
  readonly exact: RegExp
  readonly anyCase: RegExp
}

function partsOf(template: string): Part[] {
  const parsed = parseTemplate(template)
  if (typeof parsed === 'string') throw new TypeError(`${template}: ${parsed}`)
  const { segments, wildcard } = mapLiterals(parsed, decodeLiteral)
  const parts = segments.map((segment): Part => {
    const pattern = segment.map((text) => (text === undefined ? '(.+)' : escapeRegExp(text))).join('')
    const rank = !segment.includes(undefined) ? 3 : segment.length > 1 ? 2 : 1
    const [exact, anyCase] = [new RegExp(`^${pattern}$`, 's'), new RegExp(`^${pattern}$`, 'is')]
    return { rank, segment, text: write(segment, []), exact, anyCase }
  })
  return wildcard ? [...parts, REST] : parts
}

const REST: Part = { rank: 0, segment: [], text: '', exact: /^/, anyCase: /^/ }

/**
 * Whether some path leads to the open template by its spelling, and to the secured one where letter case does not count.
 * Not where the open one is the more specific: it has that path in both readings.
 */
function isRespelt(open: readonly Part[], secured: readonly Part[]): boolean {
  let respelt = false
  let securedWins = false
  for (const [at, ours] of open.entries()) {
    const theirs = secured[at]
    if (theirs === undefined || (ours.rank > theirs.rank && !securedWins)) return false
    if (ours === REST) return respelt || secured.slice(at).some(hasLetters)
    if (theirs === REST) return respelt
    securedWins ||= ours.rank < theirs.rank
    if (ours.text === theirs.text) continue
    const spelling = spellingOf(ours, theirs)
    if (spelling === undefined) return false
    respelt ||= !theirs.exact.test(spelling)
  }
  return respelt && open.length === secured.length
}

/** What the open part matches and, but for letter case, the secured one: as unlike the latter's own text as can be. */
function spellingOf(open: Part, secured: Part): string | undefined {
  const values = open.anyCase.exec(secured.text)?.slice(1)
  if (values !== undefined) return write(open.segment, values.map(inOtherCase))
  return secured.anyCase.test(open.text) ? open.text : undefined
}

function write(segment: Segment, values: readonly string[]): string {
  let parameter = 0
  return segment.map((text) => text ?? values[parameter++] ?? VALUE).join('')
}

function hasLetters({ text }: Part): boolean {
  return inOtherCase(text) !== text
}

function inOtherCase(text: string): string {
  return text === text.toUpperCase() ? text.toLowerCase() : text.toUpperCase()
}

function escapeRegExp(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
