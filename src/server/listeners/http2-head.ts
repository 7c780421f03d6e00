import { METHODS } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http2'
import type { RequestHead } from '../../proxy/index.js'
import { HOST } from './request-head.js'

/** Why a request is refused before the pipeline sees it: the status that answers it. */
export type HeadRefusal = 400 | 431

/** Bytes that each field counts beside its name and value (RFC 9113 §6.5.2). */
const FIELD_OVERHEAD = 32
/** What HTTP/1.1 is served for: any other token would be one to a wildcard of an API, and to the upstream. */
const KNOWN_METHODS: ReadonlySet<string | undefined> = new Set(METHODS)
const SCHEME = /^https?$/i
/** nghttp2 refuses them too. Forwarded, they would frame or route an HTTP/1.1 message (RFC 9113 §8.2.2). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/**
 * Reads the head of a request over HTTP/2 as one over HTTP/1.1: `:authority` as `host`, the crumbs of a cookie joined
 * (RFC 9113 §8.2.3), no pseudo-headers. Refuses what an HTTP/1.1 message could not say in one way only.
 *
 * @param raw name, value, name, value ..., pseudo-headers included
 * @param maxSize bytes of the headers without pseudo-headers, counted as RFC 9113 §6.5.2 does
 */
export function readHead(
  headers: IncomingHttpHeaders,
  raw: readonly string[],
  maxSize: number,
): RequestHead | HeadRefusal {
  const { ':method': method, ':path': path, ':authority': authority } = headers
  if (!KNOWN_METHODS.has(method)) return 400
  const host = authority ?? headers.host
  if (host === undefined || host === '' || !HOST.test(host)) return 400
  const rawHeaders = ['host', host]
  let size = 0
  let cookie = 0
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    if (name.charCodeAt(0) === COLON) continue
    size += name.length + value.length + FIELD_OVERHEAD
    if (FORBIDDEN.has(name) || hasOuterSpace(value)) return 400
    if (name === 'host') {
      if (value.toLowerCase() !== host.toLowerCase()) return 400
    } else if (name === 'cookie' && cookie > 0) rawHeaders[cookie] += `; ${value}`
    else {
      rawHeaders.push(name, value)
      if (name === 'cookie') cookie = rawHeaders.length - 1
    }
  }
  if (size > maxSize) return 431
  headers.host = host
  if (method === 'CONNECT') return { method, url: host, httpVersion: '2.0', headers, rawHeaders }
  if (path === undefined || !/^[/*]/.test(path) || !SCHEME.test(headers[':scheme'] ?? '')) return 400
  return { method, url: path, httpVersion: '2.0', headers, rawHeaders }
}

const COLON = 0x3a

/** An HTTP/1.1 parser would take it off (RFC 9113 §8.2.1). */
function hasOuterSpace(value: string): boolean {
  return isSpace(value.charCodeAt(0)) || isSpace(value.charCodeAt(value.length - 1))
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}
