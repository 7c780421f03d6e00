import type { PathTemplate, Segment } from './path-template.js'

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
