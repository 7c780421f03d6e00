import { codeOf } from '../error-code.js'

const MAX_CAUSES = 5
const MAX_LENGTH = 500

/**
 * One line for people about an error and its chain of causes: messages and codes, never a stack,
 * cut to a bounded length and scrubbed of what looks like a credential.
 */
export function describeError(error: unknown): string {
  const parts: string[] = []
  let current = error
  for (let depth = 0; current !== undefined && current !== null && depth < MAX_CAUSES; depth++) {
    const text = describeOne(current)
    if (text !== '' && !parts.includes(text)) parts.push(text)
    current = typeof current === 'object' && 'cause' in current ? current.cause : undefined
  }
  return scrub(parts.join(': caused by ')).slice(0, MAX_LENGTH)
}

/** A word with a dot in it, and what may follow of it: where a compact JWT or JWE may be. */
const DOTTED = /(?<![\w-])[\w-]+=*\.[\w+/=.-]*/g
const LABEL = /(?<![\w-])[\w-]+=*(?=\.)/g
/** `{"` in base64url; it may follow what is no part of the token, an escaped quote for instance. */
const GLUED = /ey[I-L]/g
/** Longest name of a first member that is looked for behind other text, in characters of base64url. */
const MAX_GLUED_NAME = 64
/** How a JSON object that is not empty begins, as each JOSE header does (RFC 7515 §4.1.1), white space included. */
const OBJECT = /^[\t\n\r ]*\{[\t\n\r ]*"(?:[^"\\]|\\.)*"[\t\n\r ]*:/s

/** Replaces user information in URLs, and JWTs, by a mark. A name of a host or a file is none, however many dots it has. */
export function scrub(text: string): string {
  return text.replace(/:\/\/[^\s/?#]*@/g, '://[redacted]@').replace(DOTTED, withoutToken)
}

function withoutToken(word: string): string {
  const start = headerIn(word)
  return start === undefined ? word : `${word.slice(0, start)}[token]`
}

function headerIn(word: string): number | undefined {
  for (const { 0: label, index } of word.matchAll(LABEL)) {
    if (isHeader(label)) return index
    for (const glued of label.matchAll(GLUED)) {
      if (isHeader(label.slice(glued.index, glued.index + MAX_GLUED_NAME))) return index + glued.index
    }
  }
  return undefined
}

function isHeader(segment: string): boolean {
  return OBJECT.test(Buffer.from(segment, 'base64url').toString('latin1'))
}

/** A URL as people may see it: no user information, no query. */
export function describeTarget(url: string): string {
  if (!URL.canParse(url)) return 'an invalid URL'
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function describeOne(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : ''
  const code = codeOf(error)
  // Node joins the attempts of a connection to several addresses in an error without a message.
  const message = error.message || (error instanceof AggregateError ? error.errors.map(describeOne).join('; ') : '')
  if (code === undefined || message.includes(code)) return message || code || error.name
  return `${message || error.name} (${code})`
}
