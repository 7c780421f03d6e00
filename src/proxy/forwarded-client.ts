import { isIP } from 'node:net'
import { type AddressList, plainAddress } from './client-address.js'

/**
 * The client for whom a trusted proxy asks: of the addresses in `X-Forwarded-For`, or without that in `Forwarded` (RFC 7239),
 * the last one that is no trusted proxy's. What stands before it anybody may have written. `undefined`: the proxy names none.
 *
 * @param raw the request's headers: name, value, name, value ...
 */
export function forwardedClient(raw: readonly string[], trusted: AddressList): string | undefined {
  const nodes = listOf(raw, 'x-forwarded-for') ?? listOf(raw, 'forwarded', unquoted)?.map(nodeOfElement)
  let client: string | undefined
  for (const node of nodes?.reverse() ?? []) {
    const address = addressOf(node)
    if (isIP(address) === 0) break
    client = address
    if (!trusted.has(address)) break
  }
  return client
}

/** The elements of a header that is a list, of all its lines and after `read`; `undefined`: there is none. */
function listOf(raw: readonly string[], name: string, read = (value: string) => value): string[] | undefined {
  const values = raw.filter((_, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === name)
  return values.length === 0 ? undefined : read(values.join(',')).split(',')
}

/** Without quoted strings that may be no node: a client may have the proxy write what it likes in `host`. */
function unquoted(value: string): string {
  return value.replace(/"((?:[^"\\]|\\.)*)"/g, (_, text: string) => (/^[\w.:[\]-]*$/.test(text) ? text : ''))
}

/** `for` of an element of `Forwarded`; an element without it names nobody. */
function nodeOfElement(element: string): string {
  return FOR.exec(element)?.[1] ?? ''
}

/** An address as such, without a port: `192.0.2.1:80`, `[2001:db8::1]:80`. */
function addressOf(node: string): string {
  const trimmed = node.trim()
  return plainAddress(BRACKETED.exec(trimmed)?.[1] ?? WITH_PORT.exec(trimmed)?.[1] ?? trimmed)
}

const FOR = /(?:^|;)\s*for=([^";]*)/i
const BRACKETED = /^\[([^\]]*)\](?::\d+)?$/
const WITH_PORT = /^([\d.]+):\d+$/
