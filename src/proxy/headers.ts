/** Headers that concern one connection only (RFC 9110 §7.6.1), and what asks for things that the gateway does not pass on. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])
/** Some upstreams take these for the request's path or method, which are what the gateway has authorized. */
const OVERRIDES = ['x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x-http-method', 'x-method-override']
/** Of a request, moreover: `host` names the upstream instead, `expect` has been answered by our own server. */
const NOT_FORWARDED: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...OVERRIDES, 'host', 'expect'])

/**
 * The headers of a request as an upstream gets them: name, value, name, value ... in their order and spelling, without
 * hop-by-hop headers, those that `Connection` lists, and those in `removed` (lower-case names), also where they are
 * written with `_` for `-`: CGI and its heirs make one variable of both.
 */
export function requestHeaders(raw: readonly string[], removed: ReadonlySet<string>): string[] {
  const listed = listedByConnection(raw)
  const out: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    const lower = name.toLowerCase()
    const plain = lower.includes('_') ? lower.replaceAll('_', '-') : lower
    if (NOT_FORWARDED.has(plain) || removed.has(plain) || removed.has(lower) || listed?.has(lower) === true) continue
    out.push(name, raw[i + 1] as string)
  }
  return out
}

/**
 * The headers of an upstream's response as the client gets them; see {@link requestHeaders}. Those in `added` (lower-case
 * names) take the place of the upstream's of the same names; its `Vary` stays, as what it varies by adds up. With
 * `ownCors` every `access-control-*` header of the upstream's goes.
 */
export function responseHeaders(
  raw: readonly (Buffer | string)[],
  added: readonly string[] = [],
  ownCors = false,
): string[] {
  const text = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))
  const listed = listedByConnection(text)
  const out: string[] = []
  for (let i = 0; i + 1 < text.length; i += 2) {
    const name = text[i] as string
    const lower = name.toLowerCase()
    if (HOP_BY_HOP.has(lower) || listed?.has(lower) === true) continue
    if (ownCors && lower.startsWith('access-control-')) continue
    if (added.length > 0 && lower !== 'vary' && hasHeader(added, lower)) continue
    out.push(name, text[i + 1] as string)
  }
  for (const part of added) out.push(part)
  return out
}

/** Whether name, value, name, value ... has a header of that name; both are lower-case. */
export function hasHeader(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return true
  return false
}

/** Headers whose removal by a sender would change how the message is framed or routed: `Connection` cannot list them. */
const NEVER_LISTED: ReadonlySet<string> = new Set(['content-length', 'content-type', 'content-encoding', 'host'])

function listedByConnection(raw: readonly string[]): Set<string> | undefined {
  let listed: Set<string> | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue
    for (const token of (raw[i + 1] as string).toLowerCase().split(',')) {
      const option = token.trim()
      if (option === '' || option === 'close' || option === 'keep-alive' || NEVER_LISTED.has(option)) continue
      listed ??= new Set()
      listed.add(option)
    }
  }
  return listed
}
