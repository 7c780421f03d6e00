import { scrub } from '../../logging/index.js'

/** Names of parameters whose values may let somebody in, or name a token. */
const OF_CREDENTIAL =
  /tok|secret|pass|pwd|key|auth|assert|sig|code|sess|sid|jwt|jti|cred|saml|otp|pin|ticket|nonce|bearer|refresh/i
const REDACTED = '[redacted]'
/** How many times a URL may be nested in another, each escaped once more. */
const MAX_NESTED = 3

/**
 * A request's target, or a URL, as it may be logged: values of parameters (of the query, and behind a `;` of the path) whose
 * names sound like a credential's are replaced, and what looks like a JWT wherever it stands, or like a URL with such
 * parameters or user information, escaped or not. A fragment is left out.
 */
export function redactTarget(target: string): string {
  const [rest = ''] = target.split('#', 1)
  const at = rest.indexOf('?')
  if (at < 0) return redactPath(rest)
  return `${redactPath(rest.slice(0, at))}?${redactQuery(rest.slice(at + 1))}`
}

/** A query, without its `?`; see {@link redactTarget}. */
export function redactQuery(query: string): string {
  return query.replace(/[^&;]+/g, redactParameter)
}

function redactPath(path: string): string {
  const scrubbed = scrub(path)
  return MAY_HIDE.test(scrubbed) ? scrubbed.replace(/[^/;]+/g, redactParameter) : scrubbed
}

function redactParameter(parameter: string): string {
  const at = parameter.indexOf('=')
  if (at < 0) return shown(parameter)
  const name = parameter.slice(0, at)
  const value = OF_CREDENTIAL.test(unescaped(name)) ? REDACTED : shown(parameter.slice(at + 1))
  return `${shown(name)}=${value}`
}

const MAY_HIDE = /[%=]/

/** Escapes are undone only to look behind them. */
function shown(text: string): string {
  if (!MAY_HIDE.test(text)) return scrub(text)
  const plain = unescaped(text)
  const hides = (plain !== text && scrub(plain) !== plain) || plain.split(/[?&;#]/).some(isCredential)
  return hides ? REDACTED : scrub(text)
}

function isCredential(parameter: string): boolean {
  const at = parameter.indexOf('=')
  return at > 0 && OF_CREDENTIAL.test(parameter.slice(0, at))
}

function unescaped(text: string): string {
  let plain = text
  for (let nested = 0; nested < MAX_NESTED && plain.includes('%'); nested++) {
    plain = plain.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
  return plain
}
