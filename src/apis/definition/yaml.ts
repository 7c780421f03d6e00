import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml'
import { indentFlowCollections } from './flow-indent.js'
import type { ParsedText, Step } from './source.js'

/** Against YAML that multiplies itself by aliases of aliases. */
const MAX_ALIASES = 1_000

/** What is wrong with a text, and on which line. */
export interface SyntaxProblem {
  readonly line: number
  readonly message: string
}

/**
 * A YAML text, parsed, or what is wrong with it. Throws for a nesting too deep for the stack, and for aliases that are too
 * many or without an anchor.
 */
export function parseYaml(text: string): ParsedText | readonly SyntaxProblem[] {
  const lines = new LineCounter()
  const document = parseLeniently(text, lines)
  // What closes a flow collection may stand as far left as its key, for everybody but this parser.
  const problems = [...document.errors, ...document.warnings.filter(({ code }) => code !== 'BAD_INDENT')]
  if (problems.length > 0) {
    return problems.map(({ code, message, pos }) => ({
      line: lines.linePos(pos[0]).line,
      message: code === 'MULTIPLE_DOCS' ? 'holds more than one YAML document: write a file for each' : message,
    }))
  }
  return {
    root: document.toJS({ mapAsMap: true, maxAliasCount: MAX_ALIASES }),
    lineOf: (path) => {
      const { offset } = locate(document, path)
      return offset === undefined ? undefined : lines.linePos(offset).line
    },
    textOf: (path) => {
      const { node } = locate(document, path)
      if (!isScalar(node)) return undefined
      return typeof node.value === 'number' ? (node.source ?? String(node.value)) : String(node.value)
    },
  }
}

function parseLeniently(text: string, lineCounter: LineCounter): Document {
  const options = { merge: true, prettyErrors: false }
  const document = parseDocument(text, { ...options, lineCounter })
  if (document.errors.length === 0) return document
  const indented = indentFlowCollections(text)
  if (indented === undefined) return document
  const indentedLines = new LineCounter()
  const second = parseDocument(indented, { ...options, lineCounter: indentedLines })
  if (second.errors.length >= document.errors.length) return document
  lineCounter.lineStarts = indentedLines.lineStarts
  return second
}

function locate(document: Document, path: readonly Step[]): { node: unknown; offset: number | undefined } {
  let node: unknown = document.contents
  let offset = startOf(node)
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document)
    const inner = childOf(node, step)
    if (inner === undefined) return { node: undefined, offset }
    node = inner.value
    offset = startOf(inner.key) ?? startOf(node) ?? offset
  }
  return { node: isAlias(node) ? node.resolve(document) : node, offset }
}

function childOf(node: unknown, step: Step): { key?: unknown; value: unknown } | undefined {
  if (isMap(node)) {
    return node.items.find((pair: Pair) => isScalar(pair.key) && String(pair.key.value) === String(step))
  }
  if (isSeq(node) && typeof step === 'number' && step < node.items.length) return { value: node.items[step] }
  return undefined
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0]
}
