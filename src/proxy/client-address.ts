import { BlockList, isIP } from 'node:net'
import type { Duplex } from 'node:stream'

/** Addresses that a load balancer gave, by the connection that it made. */
const announced = new WeakMap<Duplex, string>()

/** Declares whose connection it is: that of the client which a PROXY protocol header names. */
export function announceClient(connection: Duplex, address: string): void {
  announced.set(connection, plainAddress(address))
}

/** The address of a connection's client; empty if it has none, a pipe or one that is closed. IPv4 is written as such. */
export function clientAddress(connection: Duplex): string {
  return announced.get(connection) ?? peerAddress(connection)
}

/** The address of a connection's other end, whoever it says that it speaks for. */
export function peerAddress(connection: Duplex): string {
  return 'remoteAddress' in connection && typeof connection.remoteAddress === 'string'
    ? plainAddress(connection.remoteAddress)
    : ''
}

/** Addresses and networks (`10.0.0.0/8`), of proxies that say whom they speak for. */
export class AddressList {
  readonly #list = new BlockList()

  /** Throws Node's error for what is neither an address nor a network. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [address = '', prefix] = entry.split('/')
      const version = isIP(address)
      this.#list.addSubnet(address, Number(prefix ?? (version === 6 ? 128 : 32)), version === 6 ? 'ipv6' : 'ipv4')
    }
  }

  has(address: string): boolean {
    const version = isIP(address)
    return version !== 0 && this.#list.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
}

/** An address without the interface (`%eth0`); an IPv4 address that IPv6 carries (`::ffff:192.0.2.1`) as IPv4. */
export function plainAddress(address: string): string {
  const [plain = ''] = address.split('%', 1)
  return MAPPED.exec(plain)?.[1] ?? plain
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
