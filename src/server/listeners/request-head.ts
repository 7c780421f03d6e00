import type { IncomingMessage } from 'node:http'

const SLASH = 0x2f
/** A host name, an IPv4 or a bracketed IPv6 address, with or without a port; empty where there is none (RFC 9110 §7.2). */
export const HOST = /^(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])?(?::\d*)?$/
const AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i

/**
 * The status with which a request is answered whose head servers are known to read in different ways: another version than
 * HTTP/1.0 and 1.1, no `Host`, several or an invalid one (RFC 9112 §3.2), or a target that names another host.
 * `undefined`: it may be served.
 */
export function headFault(req: IncomingMessage): 400 | 505 | undefined {
  if (req.httpVersionMajor !== 1) return 505
  const { host } = req.headers
  if (host === undefined) return req.httpVersionMinor === 0 ? undefined : 400
  if (!HOST.test(host) || hasSeveralHosts(req.rawHeaders)) return 400
  const url = req.url ?? ''
  return url.charCodeAt(0) === SLASH || namesHost(url, host) ? undefined : 400
}

/** Node keeps the first one, other servers the last. */
function hasSeveralHosts(rawHeaders: readonly string[]): boolean {
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts > 1
}

/** Whether a target that has an authority has that of `Host`: upstreams are told only one of them. */
function namesHost(url: string, host: string): boolean {
  const authority = AUTHORITY.exec(url)?.[1]
  return authority === undefined || authority.toLowerCase() === host.toLowerCase()
}
