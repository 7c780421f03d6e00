import { isIPv6 } from 'node:net'
import { ProviderUrlError } from './provider.js'

const HOST = /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?$/
const PORT = /^[0-9]{1,5}$/
const LAST_PORT = 65_535

/** A URL cut at its joints; nothing of it is decoded or checked yet. */
export interface UrlParts {
  /** In lower case, without the colon. */
  readonly scheme: string
  readonly userInfo: string | undefined
  readonly address: string
  readonly path: string
  readonly query: string
}

/** Cuts `scheme://[user@]address[/path][?query]`. `undefined` when it has no scheme. */
export function cutUrl(url: string): UrlParts | undefined {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?]*)(?:\?(.*))?$/s.exec(url)
  if (match === null) return undefined
  const [, scheme = '', authority = '', path = '', query = ''] = match
  const at = authority.lastIndexOf('@')
  return {
    scheme: scheme.toLowerCase(),
    userInfo: at < 0 ? undefined : authority.slice(0, at),
    address: authority.slice(at + 1),
    path,
    query,
  }
}

/** Reads `host[:port]`, the host a name, an IPv4 address or an IPv6 one in brackets. */
export function parseAddress(address: string, defaultPort: number, where: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(address)
  const [, v6, name = '', port] = match ?? []
  const host = v6 ?? name
  if (v6 === undefined ? !HOST.test(name) : !isIPv6(v6)) {
    const hint = isIPv6(address) ? ' (an IPv6 address stands in brackets)' : ''
    throw new ProviderUrlError('ERR_PROVIDER_HOST', `${where}: expected a host's name or address${hint}`)
  }
  if (port === undefined) return { host, port: defaultPort }
  if (!PORT.test(port) || Number(port) < 1 || Number(port) > LAST_PORT) {
    throw new ProviderUrlError('ERR_PROVIDER_PORT', `${where}: expected a port from 1 to ${LAST_PORT}`)
  }
  return { host, port: Number(port) }
}

/** Reads `user[:password]`, percent-decoded where it is encoded (a password with a `%` of its own stays as it is). */
export function parseUserInfo(userInfo: string | undefined): { username: string; password: string } {
  if (userInfo === undefined) return { username: '', password: '' }
  const colon = userInfo.indexOf(':')
  if (colon < 0) return { username: decode(userInfo), password: '' }
  return { username: decode(userInfo.slice(0, colon)), password: decode(userInfo.slice(colon + 1)) }
}

/** Percent-decodes `text`, unless it is not encoded properly. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
