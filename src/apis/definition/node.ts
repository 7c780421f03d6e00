import type { DefinitionProblem } from './problem.js'
import type { DefinitionSource, Step } from './source.js'

/** How many references may lead from one to the next before they are taken to go round in a circle. */
const MAX_REFERENCES = 20

/**
 * A value of a definition, there or not, and its place. Reading it as what it is not reports the problem, with the
 * line, and gives `undefined`, so that a reader goes on and finds the next problem.
 */
export class DefinitionNode {
  readonly value: unknown
  readonly source: DefinitionSource
  readonly path: readonly Step[]

  constructor(source: DefinitionSource, value: unknown, path: readonly Step[]) {
    this.source = source
    this.value = value
    this.path = path
  }

  /** The definition as a whole. */
  static root(source: DefinitionSource): DefinitionNode {
    return new DefinitionNode(source, source.text.root, [])
  }

  /** Whether it is there: a key with nothing behind it is not. */
  get exists(): boolean {
    return this.value !== undefined && this.value !== null
  }

  /** The last step that leads here, to be named in messages. */
  get name(): string {
    return String(this.path.at(-1) ?? 'the definition')
  }

  get(key: string): DefinitionNode {
    const value: unknown = this.value instanceof Map ? this.value.get(key) : undefined
    return new DefinitionNode(this.source, value, [...this.path, key])
  }

  /** The keys of a map and what is behind them; nothing if it is absent, a problem if it is no map. */
  entries(): [key: string, node: DefinitionNode][] {
    if (!this.exists) return []
    if (!(this.value instanceof Map)) return this.#mustBe('a map', [])
    return [...this.value].map(([key, value]) => [
      String(key),
      new DefinitionNode(this.source, value, [...this.path, String(key)]),
    ])
  }

  /** The items of a list; nothing if it is absent, a problem if it is no list. */
  items(): DefinitionNode[] {
    if (!this.exists) return []
    if (!Array.isArray(this.value)) return this.#mustBe('a list', [])
    return this.value.map((value: unknown, at) => new DefinitionNode(this.source, value, [...this.path, at]))
  }

  /** The texts of a list. */
  strings(): string[] {
    return this.items().flatMap((item) => item.string() ?? item.#mustBe('a text', []))
  }

  string(): string | undefined {
    if (!this.exists) return undefined
    return typeof this.value === 'string' ? this.value : this.#mustBe('a string', undefined)
  }

  boolean(): boolean | undefined {
    if (!this.exists) return undefined
    return typeof this.value === 'boolean' ? this.value : this.#mustBe('true or false', undefined)
  }

  /** A text, or a number as it is written: of a version, `1.0` without quotes is a number. */
  text(): string | undefined {
    if (typeof this.value === 'number') return this.source.text.textOf(this.path) ?? String(this.value)
    return this.string()
  }

  /** What a `$ref` here points to in the same file, or this. A reference into another file is a problem. */
  resolve(): DefinitionNode | undefined {
    return this.references().at(-1)
  }

  /** This, what a `$ref` here points to, what that refers to, and so on; nothing if one of them leads nowhere. */
  references(): DefinitionNode[] {
    let node: DefinitionNode = this
    const nodes: DefinitionNode[] = []
    while (nodes.push(node) <= MAX_REFERENCES) {
      const reference = node.get('$ref')
      if (!reference.exists) return nodes
      const pointer = reference.string()
      if (pointer === undefined) return []
      if (!pointer.startsWith('#/')) {
        reference.error('a reference into another file is not followed', 'bundle the definition into one file')
        return []
      }
      node = node.#at(pointer)
      if (!node.exists) {
        reference.error(`nothing is at ${pointer}`)
        return []
      }
    }
    this.error('its references go round in a circle')
    return []
  }

  error(message: string, remedy?: string): void {
    this.source.report.error(this.problem(message, remedy))
  }

  warn(message: string, remedy?: string): void {
    this.source.report.warn(this.problem(message, remedy))
  }

  /** A warning that is given once a file, for its first occurrence. */
  warnOnce(message: string, remedy?: string): void {
    if (this.source.report.isFirst(this.source.file, message)) this.warn(message, remedy)
  }

  /** A problem with this, for somebody else to report. */
  problem(message: string, remedy?: string): DefinitionProblem {
    const line = this.source.text.lineOf(this.path)
    return {
      file: this.source.file,
      message,
      ...(line === undefined ? {} : { line }),
      ...(remedy === undefined ? {} : { remedy }),
    }
  }

  /** RFC 6901. */
  #at(pointer: string): DefinitionNode {
    const steps = pointer.slice(2).split('/')
    let node = DefinitionNode.root(this.source)
    for (const step of steps) node = node.get(unescapePointer(step))
    return node
  }

  #mustBe<T>(what: string, otherwise: T): T {
    this.error(`${this.name} must be ${what}`)
    return otherwise
  }
}

function unescapePointer(step: string): string {
  let text = step
  try {
    text = decodeURIComponent(step)
  } catch {
    // Not a URI fragment's escape, then: the text stands for itself.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~')
}
