import type { Api } from '../api.js'
import { decodeLiteral, type PathTemplate, type Segment } from './path-template.js'

/** What upstreams cut off to find the same resource in another format: Spring before 6, Rails, content negotiation. */
export const SUFFIXES: readonly string[] = ['.json', '.xml', '.html']
/** An upstream cuts one suffix off. A few more are cheap to follow; any number would not be. */
export const MAX_SUFFIXES = 3
const LOOSE_ENDS = /[\s.](?=\/|$)|\/\s/
const BEYOND_ASCII = /[^ -~]/

/** Equal for two texts that differ in letter case only, whichever case an upstream compares them in. */
export function foldCase(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text.toLowerCase()
  // There and back: the Kelvin sign has only a lower case, the long s only an upper one; a final sigma is a sigma.
  const folded = text.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ')
  // İ alone: an i and a dot above in the whole of Unicode, an i for who maps each character to one (Java, Go, C).
  return folded.replaceAll('i\u0307', 'i')
}

/** Whether a segment of the (decoded) path has blanks around it or dots behind it. */
export function hasLooseEnds(path: string): boolean {
  return LOOSE_ENDS.test(path)
}

/**
 * A decoded path without the slash at its end, its segments without blanks around them and dots behind them: as IIS and
 * frameworks that trim read it. `undefined` if that leaves nothing of a segment.
 */
export function foldEnds(path: string): string | undefined {
  if (!hasLooseEnds(path)) return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
  const segments = path.slice(1).split('/')
  if (segments.length > 1 && segments.at(-1) === '') segments.pop()
  const trimmed = segments.map(trimSegment)
  return trimmed.includes('') ? undefined : `/${trimmed.join('/')}`
}

/** The path, or segment, without one of the suffixes; `undefined` if it has none, or is nothing else. */
export function withoutSuffix(path: string): string | undefined {
  for (const suffix of SUFFIXES) {
    const end = path.length - suffix.length
    if (end > 0 && path.endsWith(suffix) && path[end - 1] !== '/') return path.slice(0, end)
  }
  return undefined
}

/** How much of a path an upstream folds: letter case; also the ends of segments; also suffixes. */
export type Folding = 'case' | 'ends' | 'suffixes'
export const FOLDINGS: readonly Folding[] = ['case', 'ends', 'suffixes']

/**
 * A template as an upstream that folds so much has it, its literal segments decoded and folded. Text beside a parameter
 * is folded in letter case only: `/{x}.json` is not `/{x}`.
 */
export function foldTemplate({ segments, wildcard }: PathTemplate, folding: Folding): PathTemplate {
  const lower = segments.map((segment) =>
    segment.map((text) => (text === undefined ? text : foldCase(decodeLiteral(text)))),
  )
  const slash = folding !== 'case' && lower.length > 1 && !wildcard && isEmpty(lower.at(-1))
  const kept = slash ? lower.slice(0, -1) : lower
  const last = wildcard || folding !== 'suffixes' ? -1 : kept.length - 1
  const folded = folding === 'case' ? kept : kept.map((segment, at) => foldSegment(segment, at === last))
  return { segments: folded, wildcard, shape: shapeOf(folded, wildcard) }
}

function foldSegment(segment: Segment, last: boolean): Segment {
  const [only] = segment
  return segment.length > 1 || only === undefined ? segment : [foldLiteral(only, last)]
}

/** A literal segment, folded: the last one of a path, which may have suffixes, or another. */
export function foldLiteral(text: string, last: boolean): string {
  let folded = trimSegment(text)
  for (let suffixes = 0; last && suffixes < MAX_SUFFIXES; suffixes++) {
    const cut = withoutSuffix(folded)
    if (cut === undefined) break
    folded = trimSegment(cut)
  }
  // Nothing but blanks and dots: such a path is refused.
  return folded === '' ? text : folded
}

function trimSegment(segment: string): string {
  let end = segment.length
  while (end > 0 && (segment[end - 1] === '.' || segment[end - 1]?.trim() === '')) end--
  return segment.slice(0, end).trimStart()
}

function isEmpty(segment: Segment | undefined): boolean {
  return segment?.length === 1 && segment[0] === ''
}

function shapeOf(segments: readonly Segment[], wildcard: boolean): string {
  return JSON.stringify([segments.map((segment) => segment.map((text) => text ?? null)), wildcard])
}

/**
 * Whether a path of the one API may be read as one of the other: where its base path is folded into the same, or into a
 * longer one. Not into a shorter one: what lies below an API's base path, as it is spelt, is that API's.
 */
export function mayMeet(one: Api, other: Api): boolean {
  return one === other || `${foldedBase(other)}/`.startsWith(`${foldedBase(one)}/`)
}

function foldedBase({ basePath }: Api): string {
  return basePath.replace(/[^/]+/g, (segment) => foldLiteral(foldCase(decodeLiteral(segment)), false))
}
