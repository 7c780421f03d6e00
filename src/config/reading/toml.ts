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
      return { problem: { path: '', message: `somewhere in the file, ${explain((error as Error).message)}` } }
    }
    const col = line === 0 ? count - 1 : count // the parser counts the first line's columns from 1, all others' from 0
    const reason = explain((error as Error).message.split(' at row ')[0] ?? '')
    const message = `line ${line + 1}, column ${col + 1}: ${reason}\n${shownLine(text, line, col)}`
    return { problem: { path: '', message } }
  }
}

/** The parser's reasons in words of the file. None of them may quote what the file holds. */
const REASONS: readonly { readonly says: RegExp; readonly means: string; readonly remedy?: string }[] = [
  { says: /redefine/, means: 'this key or table was given before', remedy: 'remove one of the two' },
  { says: /expected "="/, means: 'a key must be followed by =', remedy: 'a comment begins with #' },
  { says: /^Unterminated string/, means: 'the closing quote of a string is missing' },
  { says: /^Unterminated multi-line/, means: 'the closing quotes of a string of several lines are missing' },
  { says: /^Unterminated inline/, means: 'the closing bracket of a list or an inline table is missing' },
  { says: /comma/, means: 'a comma, or the closing bracket of a list or an inline table, is missing' },
  { says: /whitespace, \. or \]/, means: 'the closing bracket of a table’s name is missing' },
  { says: /Empty bare/, means: 'a name is missing' },
  { says: /till end of line/, means: 'nothing but a comment may follow here', remedy: 'look for a quote too many' },
  { says: /^Unexpected character, expecting string/, means: 'this is not a value', remedy: 'text stands in quotes' },
  { says: /^Invalid boolean/, means: 'this is not a value', remedy: 'text stands in quotes' },
  {
    says: /escape|unicode/i,
    means: 'this is no escape of TOML',
    remedy: 'write a backslash as \\\\, or use single quotes',
  },
  { says: /^Control characters/, means: 'a control character stands here' },
  { says: /^Unknown character/, means: 'neither a key nor a table can begin so', remedy: 'a comment begins with #' },
  { says: /without value/, means: 'a value, or the closing bracket of a table’s name, is missing' },
  { says: /extend an inline/, means: 'an inline table or list can’t be added to' },
  { says: /number|digit/i, means: 'this is not a number' },
  { says: /date|time|year|month|day|hour/i, means: 'this is not a date or a time' },
]

function explain(reason: string): string {
  const found = REASONS.find(({ says }) => says.test(reason))
  if (found === undefined) return 'this is not TOML'
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
