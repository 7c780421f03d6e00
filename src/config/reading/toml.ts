import toml from '@iarna/toml'
import type { ConfigProblem } from '../problems/error.js'
import { knownKeys } from '../schema/keys.js'

/** Columns of a line that an error shows, around where it is. */
const SHOWN = 100
const HIDDEN = '[hidden]'

/** What a file says, or what is wrong with its TOML. */
export type Parsed = { readonly value: object } | { readonly problem: ConfigProblem }

/**
 * Parses TOML. A syntax error says line and column and shows the line with a caret; of that line, only the values of
 * keys that are known and hold no secret are shown.
 */
export function parseToml(source: string): Parsed {
  // The parser takes the carriage return of a Windows line end for a control character.
  const text = source.replaceAll('\r\n', '\n')
  try {
    return { value: toml.parse(text) }
  } catch (error) {
    const { line, col: count } = error as { line?: unknown; col?: unknown }
    if (typeof line !== 'number' || typeof count !== 'number') {
      return { problem: { path: '', message: `in the file: ${explain((error as Error).message)}` } }
    }
    const col = line === 0 ? count - 1 : count // the parser counts the first line's columns from 1, all others' from 0
    const reason = reasonAt(text.split('\n'), line, col, (error as Error).message.split(' at row ')[0] ?? '')
    const message = `line ${line + 1}, column ${col + 1}: ${reason}\n${shownLine(text, line, col)}`
    return { problem: { path: '', message } }
  }
}

const DUPLICATE = /redefine/
const TRAILING = /till end of line/
/** What stands before an error: a key, and a value that begins as no string, list or table does, up to there. */
const BARE_VALUE = /^\s*[\w."'-]+\s*=\s*[^\s"'[{#][^\s]*$/

/** The parser's reasons in words of the file. None of them may quote what the file holds. */
const REASONS: readonly { readonly says: RegExp; readonly means: string; readonly remedy?: string }[] = [
  { says: DUPLICATE, means: 'duplicate key or table', remedy: 'remove one of the two' },
  { says: /expected "="/, means: 'expected = after a key', remedy: 'a comment begins with #' },
  { says: /^Unterminated string/, means: 'the closing quote of a string is missing' },
  { says: /^Unterminated multi-line/, means: 'the closing quotes of a string of several lines are missing' },
  { says: /^Unterminated inline/, means: 'the closing bracket of a list or an inline table is missing' },
  { says: /comma/, means: 'missing comma, or closing bracket of a list or an inline table' },
  { says: /whitespace, \. or \]/, means: 'the closing bracket of a table’s name is missing' },
  { says: /Empty bare/, means: 'missing name' },
  { says: TRAILING, means: 'only a comment may follow here', remedy: 'look for an extra quote or semicolon' },
  { says: /^Unexpected character, expecting string/, means: 'invalid value', remedy: 'strings must be quoted' },
  { says: /^Invalid boolean/, means: 'invalid value', remedy: 'strings must be quoted' },
  {
    says: /escape|unicode/i,
    means: 'invalid escape sequence',
    remedy: 'write a backslash as \\\\, or use single quotes',
  },
  { says: /^Control characters/, means: 'control characters are not allowed' },
  {
    says: /^Unknown character/,
    means: 'neither a key nor a table can begin with this character',
    remedy: 'a comment begins with #',
  },
  { says: /without value/, means: 'a value, or the closing bracket of a table’s name, is missing' },
  { says: /extend an inline/, means: 'an inline table or list can’t be extended' },
  { says: /number|digit/i, means: 'invalid number' },
  { says: /date|time|year|month|day|hour/i, means: 'invalid date or time' },
]

function reasonAt(lines: readonly string[], line: number, col: number, reason: string): string {
  // `127.0.0.1` and `30s` begin like numbers.
  if (TRAILING.test(reason) && BARE_VALUE.test((lines[line] ?? '').slice(0, col))) {
    return 'invalid value; strings must be quoted'
  }
  const first = DUPLICATE.test(reason) ? firstPlace(lines, line) : undefined
  return first === undefined ? explain(reason) : `${explain(reason)}: the first is on line ${first + 1}`
}

const HEADER = /^\s*\[{1,2}([^[\]#]+)\]/
const KEY = /^\s*([\w."'-]+)\s*=/

/** The index of the line with the same table header as this one, or with the same key in its table. */
function firstPlace(lines: readonly string[], line: number): number | undefined {
  const named = (pattern: RegExp, at: number) => pattern.exec(lines[at] ?? '')?.[1]?.replace(/[\s"']/g, '')
  const table = named(HEADER, line)
  const before = Array.from({ length: line }, (_, index) => index)
  if (table !== undefined) return before.find((at) => named(HEADER, at) === table)
  const key = named(KEY, line)
  const start = before.findLast((at) => named(HEADER, at) !== undefined) ?? 0
  return key === undefined ? undefined : before.slice(start).find((at) => named(KEY, at) === key)
}

function explain(reason: string): string {
  const found = REASONS.find(({ says }) => says.test(reason))
  if (found === undefined) return 'invalid TOML'
  return found.remedy === undefined ? found.means : `${found.means}; ${found.remedy}`
}

function shownLine(text: string, line: number, col: number): string {
  const lines = text.split('\n')
  const raw = lines[line] ?? ''
  const inText = insideMultiLine(lines.slice(0, line).join('\n'))
  const whole = (inText ? HIDDEN : hideSecrets(raw)).replace(/\t/g, ' ')
  const from = Math.max(0, Math.min(col, whole.length) - SHOWN / 2)
  // A terminal would obey control characters.
  const shown = whole.slice(from, from + SHOWN).replace(/[^\P{C}]/gu, '?')
  return `${shown}\n${' '.repeat(Math.min(col, whole.length) - from)}^`
}

function insideMultiLine(before: string): boolean {
  const quotes = before.match(/"""|'''/g) ?? []
  return quotes.length % 2 === 1
}

const names = new Set(knownKeys.map((each) => each.name))
const showable = new Set(knownKeys.filter((each) => each.note.kind !== 'secret').map((each) => each.name))

/** Leaves of a line that can't be read only what can't be a secret. */
function hideSecrets(line: string): string {
  const assignment = /^(\s*(?:[\w-]+\.)*["']?([\w-]+)["']?\s*=\s*)/.exec(line)
  if (assignment !== null) {
    const [, start = '', name = ''] = assignment
    // A second = may belong to an inline table, or to a URL's query.
    return showable.has(name) && !line.slice(start.length).includes('=') && !line.includes('://')
      ? line
      : start + HIDDEN
  }
  if (/^\s*\[[^="']*$/.test(line)) return line
  const prose = /^\s*(?:[A-Za-z]+\s+){2,}[A-Za-z]+\s*$/.test(line) && !/passw|secret|token|credential/i.test(line)
  if (prose) return line
  const word = /^\s*([A-Za-z]+)\b/.exec(line)?.[1] ?? ''
  return names.has(word) ? `${word} ${HIDDEN}` : HIDDEN
}
