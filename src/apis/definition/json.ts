import { Tokenizer, TokenType } from '@streamparser/json'
import { LineCounter } from 'yaml'
import type { ParsedText, Step } from './source.js'

/** A JSON text, parsed: some ten times faster than as YAML, in a quarter of the memory, and its places are known, too. */
export interface ParsedJson extends ParsedText {
  /** The lines on which a key stands that its object has already. */
  readonly duplicates: readonly number[]
}

/** Objects become `Map`s. `undefined` if the text is no JSON (RFC 8259). */
export function parseJson(text: string): ParsedJson | undefined {
  if (!isJson(text)) return undefined
  const builder = new Builder()
  const bytes = Buffer.from(text)
  const tokenizer = new Tokenizer()
  tokenizer.onToken = ({ token, value, offset }) => builder.take(token, value, offset)
  tokenizer.write(bytes)
  if (!tokenizer.isEnded) tokenizer.end()
  const lines = new LineCounter()
  lines.addNewLine(0)
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) lines.addNewLine(at + 1)
  const lineAt = (offset: number) => lines.linePos(offset).line
  return {
    root: builder.root,
    duplicates: builder.duplicates.map(lineAt),
    lineOf: (path) => lineAt(locate(builder, path).offset),
    textOf: (path) => {
      const { value, offset } = locate(builder, path)
      if (value === undefined || value instanceof Map || Array.isArray(value)) return undefined
      if (typeof value !== 'number') return String(value)
      return NUMBER.exec(bytes.toString('latin1', offset, offset + MAX_ENTRY))?.[1] ?? String(value)
    },
  }
}

/** A number, and its key if it has one. */
const NUMBER = /^(?:"(?:[^"\\]|\\.)*"\s*:\s*)?([-+.\deE]+)/
/** More bytes than a key and its number have. */
const MAX_ENTRY = 1_000
const NEWLINE = 0x0a

function isJson(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

type Container = Map<string, unknown> | unknown[]

/** Builds the value from the tokens of a text that is known to be JSON. */
class Builder {
  root: unknown
  /** Where the entries of a container begin, in its order: byte offsets. */
  readonly starts = new WeakMap<Container, number[]>()
  /** Where keys stand that their object has already. */
  readonly duplicates: number[] = []
  readonly #open: Container[] = []
  /** The key whose value comes next, and where it stands. */
  #key: { readonly text: string; readonly offset: number } | undefined

  take(token: TokenType, value: unknown, offset: number): void {
    const container = this.#open.at(-1)
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) {
      const inner = token === TokenType.LEFT_BRACE ? new Map<string, unknown>() : []
      this.#add(container, inner, offset)
      this.#open.push(inner)
    } else if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#open.pop()
    else if (token === TokenType.COLON || token === TokenType.COMMA) return
    else if (container instanceof Map && this.#key === undefined) this.#key = { text: String(value), offset }
    else this.#add(container, value, offset)
  }

  #add(container: Container | undefined, value: unknown, offset: number): void {
    const key = this.#key
    this.#key = undefined
    if (container === undefined) this.root = value
    else if (Array.isArray(container)) this.#start(container, offset, container.push(value) - 1)
    else if (key !== undefined) {
      if (container.has(key.text)) this.duplicates.push(key.offset)
      else this.#start(container, key.offset, container.size)
      container.set(key.text, value)
    }
  }

  #start(container: Container, offset: number, at: number): void {
    const starts = this.starts.get(container) ?? []
    if (at === 0) this.starts.set(container, starts)
    starts.push(offset)
  }
}

/** The value at a path, and where it, or else the innermost entry around it, begins. */
function locate({ root, starts }: Builder, path: readonly Step[]): { value: unknown; offset: number } {
  let value = root
  let offset = 0
  for (const step of path) {
    const container = value as Container
    const at = Array.isArray(value) ? Number(step) : value instanceof Map ? [...value.keys()].indexOf(String(step)) : -1
    const start = at < 0 ? undefined : starts.get(container)?.[at]
    if (start === undefined) return { value: undefined, offset }
    value = Array.isArray(value) ? value[at] : (value as Map<string, unknown>).get(String(step))
    offset = start
  }
  return { value, offset }
}
