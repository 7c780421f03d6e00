import { isIP } from 'node:net'

/**
 * Whether a request's `Host` can be meant for this listener. A page of another origin reaches it by DNS rebinding: under a
 * name of its own, which then resolves to this machine. So of names only these count: `localhost`, and what the configuration
 * names. An address is no name, and cannot be rebound.
 *
 * @param host absent in HTTP/1.0, which no browser sends
 * @param named names that the configuration allows, lower-case
 */
export function isMeantHost(host: string | undefined, named: ReadonlySet<string>): boolean {
  if (host === undefined) return true
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host)
  if (parts === null) return false
  const [, address, name = ''] = parts
  if (address !== undefined) return isIP(address) === 6
  const lower = name.toLowerCase().replace(/\.$/, '')
  return isIP(lower) === 4 || lower === 'localhost' || lower.endsWith('.localhost') || named.has(lower)
}
