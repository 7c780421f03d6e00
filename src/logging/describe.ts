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

/** The names of the configuration's keys look like one. */
const JWT_LIKE =
  /(?<![A-Za-z0-9_-])(?!tokenRevocationConfig\.(?:realtime|persistent)\.)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_+/=-]*/g

/** Replaces user information in URLs, and whatever looks like a JWT, by a mark. */
export function scrub(text: string): string {
  return text.replace(/:\/\/[^\s/?#]*@/g, '://[redacted]@').replace(JWT_LIKE, '[token]')
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
