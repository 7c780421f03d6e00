import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

/** Begins a connection to an upstream; `connected` is called when a request may be written: over TLS, once verified. */
export function connectUpstream(url: URL, tls: ConnectionOptions, connected: () => void): Socket {
  const secure = isSecure(url)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const to = { host, port: Number(url.port) || (secure ? 443 : 80), allowHalfOpen: true }
  if (!secure) return connectTcp({ ...to, noDelay: true }, connected)
  const servername = isIP(host) === 0 ? { servername: host } : {}
  return connectTls({ ...servername, ...tls, ...to, ALPNProtocols: ['http/1.1'] }, connected)
}

/** Reads an upstream's origin: `ws`, `wss`, `http` or `https`. Throws a TypeError for anything else. */
export function readOrigin(origin: string): URL {
  const url = new URL(origin)
  if (!/^(?:ws|http)s?:$/.test(url.protocol)) throw new TypeError('the upstream speaks no WebSocket')
  return url
}

function isSecure(url: URL): boolean {
  return url.protocol === 'wss:' || url.protocol === 'https:'
}
