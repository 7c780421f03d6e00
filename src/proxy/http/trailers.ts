import type { Dispatcher } from 'undici'
import type { RequestHead } from '../client-stream.js'
import { HOP_BY_HOP } from '../headers.js'

const ACCEPTED = /(?:^|,)\s*trailers\s*(?:[,;]|$)/i
/** Fields that frame, route, authenticate, or say how the content is to be read: none in a trailer (RFC 9110 §6.5.1). */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...['content-length', 'content-type', 'content-encoding', 'content-range', 'content-location', 'content-disposition'],
  ...['host', 'authorization', 'www-authenticate', 'proxy-authentication-info', 'authentication-info', 'cookie'],
  ...[
    'set-cookie',
    'set-cookie2',
    'age',
    'cache-control',
    'expires',
    'date',
    'location',
    'retry-after',
    'vary',
    'warning',
  ],
  ...['pragma', 'expect', 'max-forwards', 'range', 'accept-ranges', 'refresh', 'clear-site-data', 'alt-svc', 'via'],
  ...['strict-transport-security', 'content-security-policy', 'x-frame-options', 'x-content-type-options', 'forwarded'],
])
const NOT_IN_TRAILERS_EITHER = /^(?:if-|access-control-|x-forwarded-|sec-)/

/** Whether a client says that it takes trailers (RFC 9110 §10.1.4). */
export function acceptsTrailers({ headers, httpVersion }: RequestHead): boolean {
  const { te } = headers
  return te !== undefined && httpVersion !== '1.0' && ACCEPTED.test(`${te}`)
}

/** The trailer fields of an upstream's answer that may be passed on: name, value, name, value ... */
export function passedTrailers(raw: Dispatcher.DispatchController['rawTrailers'] | undefined): readonly string[] {
  if (!Array.isArray(raw) || raw.length === 0) return NONE
  const out: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i])
    if (mayTrail(name)) out.push(name, text(raw[i + 1]))
  }
  return out
}

/** Adds a `Trailer` header with those names of the upstream's that may be passed on, if there are any. */
export function announceTrailers(header: string | undefined, headers: string[]): void {
  if (header === undefined) return
  const names = header.split(',').map((name) => name.trim())
  const passed = names.filter((name) => TOKEN.test(name) && mayTrail(name))
  if (passed.length > 0) headers.push('Trailer', passed.join(', '))
}

const NONE: readonly string[] = []
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

function mayTrail(name: string): boolean {
  const plain = name.toLowerCase().replaceAll('_', '-')
  return !NOT_IN_TRAILERS.has(plain) && !NOT_IN_TRAILERS_EITHER.test(plain)
}

function text(part: Buffer | string | undefined): string {
  return typeof part === 'string' ? part : (part?.toString('latin1') ?? '')
}
