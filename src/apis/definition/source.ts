import { readFile, stat } from 'node:fs/promises'
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml'
import { codeOf } from '../../error-code.js'
import type { Report } from './problem.js'

/** A definition is text that people write: larger ones exist in no catalogue, and reading is bounded. */
export const MAX_DEFINITION_BYTES = 10 * 1024 * 1024
/** Against YAML that multiplies itself by aliases of aliases. */
const MAX_ALIASES = 1_000

/** A step from a value to one inside it. */
export type Step = string | number

/** A definition's text, parsed, that still knows on which line a value stands. YAML, of which JSON is a part. */
export class DefinitionSource {
  readonly file: string
  readonly report: Report
  /** Maps are `Map`s, so that no key (`__proto__`) means more than its text. */
  readonly root: unknown
  readonly #document: Document
  readonly #lines: LineCounter

  constructor(file: string, report: Report, root: unknown, document: Document, lines: LineCounter) {
    this.file = file
    this.report = report
    this.root = root
    this.#document = document
    this.#lines = lines
  }

  /** The line, from 1, of the value at `path`, or of the innermost value around it that is written out. */
  lineOf(path: readonly Step[]): number | undefined {
    const { offset } = this.#locate(path)
    return offset === undefined ? undefined : this.#lines.linePos(offset).line
  }

  /** A scalar as it is written: `1.0` stays `1.0`, where as a number it is 1. */
  textOf(path: readonly Step[]): string | undefined {
    const { node } = this.#locate(path)
    if (!isScalar(node)) return undefined
    return typeof node.value === 'number' ? (node.source ?? String(node.value)) : String(node.value)
  }

  #locate(path: readonly Step[]): { node: unknown; offset: number | undefined } {
    let node: unknown = this.#document.contents
    let offset = startOf(node)
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(this.#document)
      const inner = childOf(node, step)
      if (inner === undefined) return { node: undefined, offset }
      node = inner.value
      offset = startOf(inner.key) ?? startOf(node) ?? offset
    }
    return { node: isAlias(node) ? node.resolve(this.#document) : node, offset }
  }
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

/** Reads a file. What is wrong with it goes to the report, and `undefined` comes back. */
export async function readDefinition(file: string, report: Report): Promise<DefinitionSource | undefined> {
  let text: string
  try {
    const status = await stat(file)
    if (!status.isFile()) return fail(report, file, 'not a regular file')
    if (status.size > MAX_DEFINITION_BYTES) return fail(report, file, `larger than ${MAX_DEFINITION_BYTES} bytes`)
    text = await readFile(file, 'utf8')
  } catch (error) {
    return fail(report, file, `reading failed: ${codeOf(error) ?? 'unknown error'}`)
  }
  return parseDefinition(file, text, report)
}

/** As {@link readDefinition}, of a text that is there. */
export function parseDefinition(file: string, text: string, report: Report): DefinitionSource | undefined {
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false })
    for (const { message, pos } of [...document.errors, ...document.warnings]) {
      // What else is wrong on a line mostly comes of its first error.
      const { line } = lines.linePos(pos[0])
      if (report.isFirst(file, `syntax of line ${line}`)) report.error({ file, line, message: withoutContent(message) })
    }
    if (document.errors.length + document.warnings.length > 0) return undefined
    const root: unknown = document.toJS({ mapAsMap: true, maxAliasCount: MAX_ALIASES })
    return new DefinitionSource(file, report, root, document, lines)
  } catch (error) {
    // A nesting too deep for the stack, aliases too many or without an anchor.
    return fail(report, file, withoutContent((error as Error).message))
  }
}

function fail(report: Report, file: string, message: string): undefined {
  report.error({ file, message })
  return undefined
}

/** The parser ends some messages with what it read, after a colon: that may be a password. */
function withoutContent(message: string): string {
  return message.split(/[:\n]/, 1)[0] ?? message
}
