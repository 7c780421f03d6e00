import { type Credential, isJoseHeader, readCredential } from '../token/index.js'
import { bearerCredential, hasQueryToken, isBearerScheme, queryTokens } from './bearer.js'

/** Tokens that a request carries and nobody authenticates. `malformed`: one that can be read in more than one way. */
export type CarriedTokens = readonly Credential[] | 'malformed'

/** Where requests carry tokens besides the header that an API declares: RFC 6750 §2.1, and WebSockets of browsers. */
const AUTHORIZATION = 'authorization'
const SUBPROTOCOLS = 'sec-websocket-protocol'
const SUBPROTOCOL = /[^\s,]+/g
/** Names of subprotocols are shorter, tokens longer. */
const SHORTEST_TOKEN_IN_SUBPROTOCOLS = 32
/** Of Kubernetes: in front of a token in base64url. */
const KUBERNETES = /^base64url\.bearer\.authorization\.k8s\.io\./i
/** More than one request needs: Digest and OAuth 1 have up to 30. Looking at any number would not be cheap. */
const MAX_RUNS = 64
/** RFC 7617: holds no token. */
const BASIC = /^basic +[A-Za-z0-9+/]*={0,2} *$/i
/** What may be a token in `Token token="a"`, `Basic b, Bearer a`, `Bearer:a` or `a`. */
const RUN = /[A-Za-z0-9\-._~+/=]+/g
/** A name in front of a value: `access_token=a`, `Bearer=a`; but not a padded segment, `aa=.bb`. */
const NAME = /^[^=]*=(?=[^=.])/
const GLUED_SCHEME = /^(?:bearer|token|jwt)(?=.)/i
/** How a JOSE header begins: `{"`, `{ `, or a line break in place of the blank. */
const JOSE_HEADER = /ey[AIJ]|ewo[gJ]|ew0K/
const NONE: readonly Credential[] = []

/**
 * Finds the tokens that an upstream may read from a request where the gateway asks for none, so that they can be looked up
 * in the revocation list: in `Authorization` and in the API's own header, whatever the scheme, in the query (RFC 6750
 * §2.3), and among a WebSocket's subprotocols. Some of what it finds is no token: that is on no list.
 *
 * @param header the API's header for tokens, in lower case
 * @param isChecked whether the token in that header is authenticated: then it is left out
 * @param query with its `?`, or empty
 */
export function carriedTokens(
  rawHeaders: readonly string[],
  header: string,
  isChecked: boolean,
  query: string,
): CarriedTokens {
  let found: Found | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const { length } = rawHeaders[i] as string
    if (length !== header.length && length !== AUTHORIZATION.length && length !== SUBPROTOCOLS.length) continue
    const name = (rawHeaders[i] as string).toLowerCase()
    if (name === header ? isChecked : name !== AUTHORIZATION && name !== SUBPROTOCOLS) continue
    found ??= new Found()
    if (name === SUBPROTOCOLS) found.addSubprotocols(rawHeaders[i + 1] as string)
    else found.addCredentials(rawHeaders[i + 1] as string)
  }
  if (hasQueryToken(query)) {
    found ??= new Found()
    for (const value of queryTokens(query)) found.addCredentials(value)
  }
  return found === undefined ? NONE : found.tokens()
}

class Found {
  readonly #tokens = new Map<string, Credential>()
  readonly #seen = new Set<string>()
  #runs = 0
  #malformed = false

  tokens(): CarriedTokens {
    return this.#malformed ? 'malformed' : [...this.#tokens.values()]
  }

  addCredentials(value: string): void {
    if (this.#malformed || BASIC.test(value)) return
    if (isBearerScheme(value)) {
      const token = bearerCredential(value)
      if (token === undefined) this.#malformed = true
      else if (this.#mayLook()) this.#add(token, true)
      return
    }
    for (const { 0: run, index } of value.matchAll(RUN)) {
      if (!this.#mayLook()) return
      const named = run.replace(NAME, '')
      const tokens = [run, named, named.replace(GLUED_SCHEME, ''), fromHeader(run)]
      if (tokens.some(looksLikeJwt) && !standsAlone(value, index, index + run.length)) this.#malformed = true
      for (const token of tokens) this.#add(token, false)
    }
  }

  addSubprotocols(value: string): void {
    for (const [name] of value.matchAll(SUBPROTOCOL)) {
      if (name.length < SHORTEST_TOKEN_IN_SUBPROTOCOLS) continue
      if (!this.#mayLook()) return
      this.#add(name, false)
      this.#add(fromHeader(name), false)
      const encoded = name.replace(KUBERNETES, '')
      if (encoded !== name) this.addCredentials(`Bearer ${Buffer.from(encoded, 'base64url').toString('latin1')}`)
    }
  }

  #mayLook(): boolean {
    if (++this.#runs > MAX_RUNS) this.#malformed = true
    return !this.#malformed
  }

  /** @param isToken whether it is one for sure: what only may be one, and reads like none, is left out */
  #add(text: string, isToken: boolean): void {
    if (this.#seen.has(text) && !isToken) return
    this.#seen.add(text)
    const credential = readCredential(text)
    if (credential.kind !== 'refused') this.#tokens.set(text, credential)
    else if (isToken || looksLikeJwt(text)) this.#malformed = true
  }
}

/** The JWT in `Bearer-h.p.s`, `auth.h.p.s` or `a=b=h.p.s`; the text itself if there is none. */
function fromHeader(text: string): string {
  const parts = text.split('.').slice(-3)
  const start = (parts[0] as string).search(JOSE_HEADER)
  return parts.length < 3 || start < 0 ? text : parts.join('.').slice(start)
}

/**
 * Whether nothing follows, or the text stands in quotes. What follows a JWT may be the rest of its signature: some
 * decoders skip what is no base64, `h.p.si!g` and `h.p.si, g` alike.
 */
function standsAlone(value: string, start: number, end: number): boolean {
  return value.slice(end).trim() === '' || (value[start - 1] === '"' && value[end] === '"')
}

/** Whether the first of three or five parts may be a JOSE header, however it is spelt: `www.example.com` is none. */
function looksLikeJwt(text: string): boolean {
  const [header = '', ...others] = text.split('.', 6)
  return (others.length === 2 || others.length === 4) && isJoseHeader(header)
}
