import { FOLDINGS, foldTemplate } from './folding.js'
import type { PathTemplate, Segment } from './path-template.js'
import type { Place } from './place.js'

interface Node {
  readonly literals: Map<string, Node>
  readonly mixed: { readonly segment: Segment; readonly node: Node }[]
  parameter: Node | undefined
  readonly here: Place[]
  /** Of templates that end in a wildcard. */
  readonly rest: Place[]
}

/**
 * All places that upstreams may read a path as, not only the most specific one: what one upstream folds away lets another
 * place be the most specific one for it. Finding them takes a step for each segment of each template at most.
 */
export class FoldedPlaces {
  readonly #root = emptyNode()

  constructor(places: Iterable<Place>) {
    for (const place of places) {
      const templates = FOLDINGS.map((folding) => foldTemplate(place.template, folding))
      const distinct = new Map(templates.map((template) => [template.shape, template]))
      for (const template of distinct.values()) insert(this.#root, template, place)
    }
  }

  /** @param reading a decoded path in one letter case */
  find(reading: string): readonly Place[] {
    const found: Place[] = []
    collect(this.#root, reading, 1, found)
    return found
  }
}

function emptyNode(): Node {
  return { literals: new Map(), mixed: [], parameter: undefined, here: [], rest: [] }
}

function insert(root: Node, { segments, wildcard }: PathTemplate, place: Place): void {
  let node = root
  for (const segment of segments) node = childFor(node, segment)
  ;(wildcard ? node.rest : node.here).push(place)
}

function childFor(node: Node, segment: Segment): Node {
  const [only] = segment
  if (segment.length > 1) {
    const known = node.mixed.find((one) => one.segment.join('{}') === segment.join('{}'))
    const child = known?.node ?? emptyNode()
    if (known === undefined) node.mixed.push({ segment, node: child })
    return child
  }
  if (only === undefined) {
    node.parameter ??= emptyNode()
    return node.parameter
  }
  const child = node.literals.get(only) ?? emptyNode()
  node.literals.set(only, child)
  return child
}

/** `start` is where the segment begins that leads on from the node; beyond the path's end if there is none. */
function collect(node: Node, path: string, start: number, found: Place[]): void {
  if (start > path.length) {
    found.push(...node.here)
    return
  }
  found.push(...node.rest)
  const slash = path.indexOf('/', start)
  const end = slash === -1 ? path.length : slash
  const text = path.slice(start, end)
  const literal = node.literals.get(text)
  if (literal !== undefined) collect(literal, path, end + 1, found)
  if (text === '') return
  if (node.parameter !== undefined) collect(node.parameter, path, end + 1, found)
  for (const { segment, node: child } of node.mixed) if (fits(segment, text)) collect(child, path, end + 1, found)
}

/** Whether the text is the segment's, with something for each parameter. */
export function fits(segment: Segment, text: string): boolean {
  const last = segment.at(-1) ?? ''
  const end = text.length - last.length
  if (!text.endsWith(last)) return false
  let at = 0
  for (const [index, part] of segment.entries()) {
    if (part === undefined) at++
    else if (index === segment.length - 1) return at <= end
    else if (index === 0) {
      if (!text.startsWith(part)) return false
      at = part.length
    } else {
      at = text.indexOf(part, at)
      if (at === -1) return false
      at += part.length
    }
  }
  return at <= end
}
