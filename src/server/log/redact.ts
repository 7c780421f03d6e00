import { scrub } from '../../logging/index.js'

/** Names of query parameters whose values may let somebody in. */
const OF_CREDENTIAL = /tok|secret|pass|pwd|key|auth|assert|sig|code|sess|sid|jwt|cred|saml|otp|pin|ticket|nonce/i
const REDACTED = '[redacted]'
/** How a JWT's dots, or its base64url, may be written so that {@link scrub} would not see them. */
const ESCAPED = /%2[DEde]|%5[Ff]|%[46][0-9A-Fa-f]|%[57][0-9Aa]/g

/**
 * A request's target, or a URL, as it may be logged: values of query parameters whose names sound like a credential's are
 * replaced, and what looks like a JWT wherever it stands. A fragment is left out.
 */
export function redactTarget(target: string): string {
  const [rest = ''] = target.split('#', 1)
  const at = rest.indexOf('?')
  if (at < 0) return scrubbed(rest)
  return `${scrubbed(rest.slice(0, at))}?${redactQuery(rest.slice(at + 1))}`
}

/** A query, without its `?`; see {@link redactTarget}. */
export function redactQuery(query: string): string {
  return query.replace(/[^&;]+/g, (parameter) => {
    const at = parameter.indexOf('=')
    if (at < 0) return scrubbed(parameter)
    const name = parameter.slice(0, at)
    return OF_CREDENTIAL.test(unescaped(name)) ? `${scrubbed(name)}=${REDACTED}` : scrubbed(parameter)
  })
}

/** Undoes escapes only where a token hides behind them. */
function scrubbed(text: string): string {
  if (!text.includes('%')) return scrub(text)
  const plain = text.replace(ESCAPED, unescaped)
  const shown = scrub(plain)
  return shown === plain ? scrub(text) : shown
}

function unescaped(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
