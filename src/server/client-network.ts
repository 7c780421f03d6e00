import type { Duplex } from 'node:stream'
import { clientAddress } from '../proxy/index.js'

/** The address of a connection's other end; empty if it has none, or is closed. */
export function peerOf(connection: Duplex): string {
  return clientAddress(connection)
}

/**
 * What counts as one client: an IPv4 address, or the /64 network of an IPv6 address, which is the least that a provider
 * gives to one customer. `address` is written as {@link peerOf} writes it.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const last = tail === '' ? [] : tail.split(':')
    while (groups.length + last.length < GROUPS) groups.push('0')
    groups.push(...last)
  }
  return groups.slice(0, GROUPS / 2).join(':')
}

const GROUPS = 8
