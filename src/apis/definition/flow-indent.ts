import { Lexer } from 'yaml'

/** Characters to read in all for one text: each line that is moved is one reading more. */
const MAX_READ = 50_000_000
/** What the lexer says beside the text: a document begins, a scalar comes next, a flow collection ends too early. */
const DOCUMENT = '\x02'
const SCALAR = '\x1f'
const TOO_EARLY = '\x18'

/**
 * The text with those lines of flow collections (`{...}`, `[...]`) moved to the right that stand further left than YAML 1.2
 * has it, as people paste JSON into YAML. SnakeYAML (WSO2) and PyYAML read such a text as it is. Lines stay lines, and
 * blanks at the beginning of a line mean nothing inside a flow collection. `undefined` if there is nothing to move, or
 * too much.
 */
export function indentFlowCollections(text: string): string | undefined {
  let moved = text
  for (let read = text.length; read <= MAX_READ; read += moved.length) {
    const line = firstLineTooFarLeft(moved)
    if (line === undefined) return moved === text ? undefined : moved
    moved = moved.slice(0, line.offset) + ' '.repeat(line.by) + moved.slice(line.offset)
  }
  return undefined
}

/** Where the text of such a line begins, and how many blanks put it to the right of where its collection begins. */
function firstLineTooFarLeft(text: string): { offset: number; by: number } | undefined {
  let offset = 0
  let depth = 0
  let column = 0
  let isScalar = false
  for (const token of new Lexer().lex(text)) {
    if (isScalar) isScalar = false
    else if (token === SCALAR) isScalar = true
    else if (token === TOO_EARLY) return { offset, by: Math.max(1, column + 1 - columnOf(text, offset)) }
    else if (token === '}' || token === ']') depth--
    else if ((token === '{' || token === '[') && depth++ === 0) column = columnOf(text, offset)
    if (token !== DOCUMENT && token !== SCALAR) offset += token.length
  }
  return undefined
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1)
}
