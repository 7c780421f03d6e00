import type { Endpoint } from './api.js'

const PROTOCOLS = new Map([
  ['http:', 'http:'],
  ['https:', 'https:'],
  ['ws:', 'http:'],
  ['wss:', 'https:'],
])

/** Reads an upstream's URL, or says what is wrong with it, without repeating it: it may hold a password. */
export function parseEndpointUrl(text: string): Endpoint | string {
  if (/^\s*etcd\s*\(/.test(text)) return 'an endpoint in etcd is not supported'
  if (/[\s\\]/.test(text) || !URL.canParse(text)) return 'an endpoint must be an absolute URL'
  const url = new URL(text)
  const protocol = PROTOCOLS.get(url.protocol)
  if (protocol === undefined) return 'an endpoint must be http, https, ws or wss'
  if (url.username !== '' || url.password !== '') return "an endpoint's credentials belong in securityConfig"
  if (text.includes('?') || text.includes('#')) return 'an endpoint has neither a query nor a fragment'
  const pathname = url.pathname.replace(/\/$/, '')
  if (pathname.includes('//')) return "an endpoint's path has no empty segments"
  return { origin: `${protocol}//${url.host}`, pathname }
}
