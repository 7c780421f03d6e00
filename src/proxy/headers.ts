/** Headers of one connection (RFC 9110 §7.6.1), and those that ask for what the gateway does not forward. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
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
/** Some upstreams let these replace the path or method, which are what the gateway has authorized. */
const OVERRIDES = ['x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x-http-method', 'x-method-override']
/** In which frameworks look for the client's address, scheme, host or path, beside `x-forwarded-*`. */
const OF_PROXIES = [
  ...[
    'forwarded',
    'x-forwarded',
    'forwarded-for',
    'x-real-ip',
    'x-client-ip',
    'client-ip',
    'true-client-ip',
    'x-remote-ip',
  ],
  ...[
    'cf-connecting-ip',
    'cf-connecting-ipv6',
    'fastly-client-ip',
    'x-azure-clientip',
    'x-azure-socketip',
    'x-appengine-user-ip',
  ],
  ...[
    'x-cluster-client-ip',
    'x-envoy-external-address',
    'x-original-forwarded-for',
    'x-originating-ip',
    'x-remote-addr',
  ],
  ...['x-remote-address', 'x-proxyuser-ip', 'wl-proxy-client-ip', 'proxy-client-ip', 'x-host', 'x-original-host'],
  ...[
    'x-http-host-override',
    'x-scheme',
    'x-url-scheme',
    'front-end-https',
    'x-arr-ssl',
    'x-script-name',
    'x-original-uri',
  ],
]
/** Spelt so, some upstreams read it as `content-length`, which alone frames the body. */
const LENGTH_RESPELT = 'content_length'

/** What becomes of a header: dropped, dropped unless a trusted proxy wrote it, or told otherwise ({@link Told}). */
type Fate = 'dropped' | 'of-proxies' | keyof Told

const FATES: ReadonlyMap<string, Fate> = new Map<string, Fate>([
  // `expect` is answered by our own server; the gateway gives each request an id.
  ...[...HOP_BY_HOP, ...OVERRIDES, 'expect', 'x-request-id'].map((name) => [name, 'dropped'] as const),
  ...OF_PROXIES.map((name) => [name, 'of-proxies'] as const),
  ['host', 'host'], // it will name the upstream
  ['via', 'via'],
  ['forwarded', 'forwarded'],
  ['x-forwarded-for', 'for'],
  ['x-forwarded-proto', 'proto'],
  ['x-forwarded-host', 'forwardedHost'],
])
const FORWARDED = 'x-forwarded-'
const X = 0x78

/** What a request says of where it comes from: `host`, and values which are only there if they can be believed. */
export interface Told {
  host: string | undefined
  via: string | undefined
  forwarded: string | undefined
  /** `X-Forwarded-For`, `-Proto` and `-Host`. */
  for: string | undefined
  proto: string | undefined
  forwardedHost: string | undefined
}

/**
 * The headers of a request as an upstream gets them: name, value, name, value ... in their order and spelling, without
 * hop-by-hop headers, those that `Connection` lists, and those in `removed` (lower-case names), also if they are spelt with
 * `_` for `-`: CGI and its heirs read both as one variable. Headers in which proxies tell of their client are dropped unless
 * a trusted one wrote them; those that {@link Told} has are entered there instead.
 */
export function requestHeaders(
  raw: readonly string[],
  removed: ReadonlySet<string>,
  isTrusted: boolean,
  told: Told,
): string[] {
  const out: string[] = []
  let listed: Set<string> | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    const lower = name.toLowerCase()
    if (lower === 'connection') listed = withListed(listed, value)
    const plain = lower.includes('_') ? lower.replaceAll('_', '-') : lower
    const fate = fateOf(plain)
    if (fate !== undefined && !(fate === 'of-proxies' && isTrusted && plain === lower)) {
      if (plain === lower && fate !== 'dropped' && fate !== 'of-proxies') tell(told, fate, value, isTrusted)
      continue
    }
    if (removed.has(plain) || removed.has(lower) || lower === LENGTH_RESPELT) continue
    out.push(name, value)
  }
  return listed === undefined ? out : without(out, listed)
}

function fateOf(name: string): Fate | undefined {
  return FATES.get(name) ?? (name.charCodeAt(0) === X && name.startsWith(FORWARDED) ? 'of-proxies' : undefined)
}

function tell(told: Told, what: keyof Told, value: string, isTrusted: boolean): void {
  if (what !== 'host' && what !== 'via' && !isTrusted) return
  const before = told[what]
  told[what] = before === undefined ? value : `${before}, ${value}`
}

/**
 * The headers of an upstream's response as the client gets them; see {@link requestHeaders}. Those in `added` (lower-case
 * names) replace the upstream's of the same names, except `Vary`, which accumulates. With `ownCors` every
 * `access-control-*` header of the upstream is dropped.
 */
export function responseHeaders(
  raw: readonly (Buffer | string)[],
  added: readonly string[] = NONE,
  ownCors = false,
): string[] {
  const out: string[] = []
  let listed: Set<string> | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i] as Buffer | string)
    const value = text(raw[i + 1] as Buffer | string)
    const lower = name.toLowerCase()
    if (lower === 'connection') listed = withListed(listed, value)
    if (HOP_BY_HOP.has(lower)) continue
    if (ownCors && lower.startsWith('access-control-')) continue
    if (added.length > 0 && lower !== 'vary' && hasHeader(added, lower)) continue
    out.push(name, value)
  }
  const kept = listed === undefined ? out : without(out, listed)
  for (const part of added) kept.push(part)
  return kept
}

const NONE: readonly string[] = []

function text(part: Buffer | string): string {
  return typeof part === 'string' ? part : part.toString('latin1')
}

/** Whether name, value, name, value ... has a header of that name; all names are lower-case. */
export function hasHeader(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return true
  return false
}

/** The number in `content-length`; `undefined` without one. */
export function lengthIn(headers: readonly string[]): number | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string
    if (name.length === 14 && name.toLowerCase() === 'content-length') return Number(headers[i + 1])
  }
  return undefined
}

/** Leaves out `content-length`. */
export function withoutLength(headers: string[]): string[] {
  return without(headers, LENGTH)
}

const LENGTH: ReadonlySet<string> = new Set(['content-length'])

/** Removing these would change how a message is framed or routed, so `Connection` cannot list them. */
const NEVER_LISTED: ReadonlySet<string> = new Set(['content-length', 'content-type', 'content-encoding', 'host'])

/** Adds the headers that a value of `Connection` lists, in lower case. */
function withListed(listed: Set<string> | undefined, value: string): Set<string> | undefined {
  if (value === 'keep-alive' || value === 'close') return listed
  let all = listed
  for (const token of value.toLowerCase().split(',')) {
    const option = token.trim()
    if (option === '' || option === 'close' || option === 'keep-alive' || NEVER_LISTED.has(option)) continue
    all ??= new Set()
    all.add(option)
  }
  return all
}

function without(headers: readonly string[], listed: ReadonlySet<string>): string[] {
  return headers.filter((_, i) => !listed.has((headers[i - (i % 2)] as string).toLowerCase()))
}

/** Whether a body has no other coding than `chunked`, which is undone: the client would not learn of another one. */
export function isChunked(coding: string | string[]): boolean {
  return typeof coding === 'string' && coding.trim().toLowerCase() === 'chunked'
}
