import type { Duplex } from 'node:stream'
import { type AddressList, clientAddress } from './client-address.js'
import type { RequestHead } from './client-stream.js'
import { forwardedClient } from './forwarded-client.js'
import { requestHeaders, type Told } from './headers.js'

/** A header in which an upstream is told of the client. */
type ForwardedHeader = 'X-Forwarded-For' | 'X-Forwarded-Proto' | 'X-Forwarded-Host' | 'Forwarded' | 'Via'

export interface ForwardingOptions {
  /** Those that are set. */
  readonly headers: readonly ForwardedHeader[]
  /** Proxies in front of the gateway: what they say of their client is passed on. */
  readonly trustedProxies: AddressList
}

/** The name by which the gateway calls itself in `Via` (RFC 9110 §7.6.3): a pseudonym, not a host. */
const PSEUDONYM = 'mgw'
/** Versions that are not written as they are (RFC 9110 §2.5). */
const PROTOCOLS: Readonly<Record<string, string>> = { '2.0': '2' }

/** What is the same for all requests of a connection. */
interface Peer {
  readonly address: string
  readonly proto: 'http' | 'https'
  readonly isTrusted: boolean
  /** `for` and `proto` of `Forwarded` (RFC 7239 §4). */
  readonly element: string
}

/**
 * Tells upstreams on whose behalf they are asked. What a client says of itself or of others is dropped, unless it is a
 * trusted proxy: then `X-Forwarded-For` and `Forwarded` are appended to, and `X-Forwarded-Proto` and `X-Forwarded-Host` are
 * the proxy's. `Via` is always appended to.
 */
export class Forwarding {
  readonly #trustedProxies: AddressList
  readonly #sets: ReadonlySet<ForwardedHeader>
  readonly #peers = new WeakMap<Duplex, Peer>()

  constructor({ headers, trustedProxies }: ForwardingOptions) {
    this.#sets = new Set(headers)
    this.#trustedProxies = trustedProxies
  }

  /** Whether a connection comes from a trusted proxy. */
  isTrusted(connection: Duplex): boolean {
    return this.#peerOf(connection).isTrusted
  }

  /** The address of the client on whose behalf a connection's request comes: its other end, or whom a trusted proxy names. */
  clientOf(req: RequestHead, connection: Duplex): string {
    const { address, isTrusted } = this.#peerOf(connection)
    return (isTrusted ? forwardedClient(req.rawHeaders, this.#trustedProxies) : undefined) ?? address
  }

  /**
   * The headers of a request as an upstream gets them, without those in `removed` (lower-case names); see
   * {@link requestHeaders}.
   */
  requestHeaders(req: RequestHead, connection: Duplex, removed: ReadonlySet<string>): string[] {
    const peer = this.#peerOf(connection)
    const told: Told = {
      host: undefined,
      via: undefined,
      forwarded: undefined,
      for: undefined,
      proto: undefined,
      forwardedHost: undefined,
    }
    const headers = requestHeaders(req.rawHeaders, removed, peer.isTrusted, told)
    this.#add(headers, peer, told, req.httpVersion)
    return headers
  }

  #add(headers: string[], peer: Peer, told: Told, version: string): void {
    const { address } = peer
    const sets = this.#sets
    if (sets.has('X-Forwarded-For')) {
      if (address !== '') headers.push('X-Forwarded-For', appended(told.for, address))
    } else if (told.for !== undefined) headers.push('X-Forwarded-For', told.for)
    if (told.proto !== undefined || sets.has('X-Forwarded-Proto')) {
      headers.push('X-Forwarded-Proto', told.proto ?? peer.proto)
    }
    const host = told.forwardedHost ?? (sets.has('X-Forwarded-Host') ? told.host : undefined)
    if (host !== undefined && host !== '') headers.push('X-Forwarded-Host', host)
    if (sets.has('Forwarded')) headers.push('Forwarded', appended(told.forwarded, elementOf(peer, told.host)))
    else if (told.forwarded !== undefined) headers.push('Forwarded', told.forwarded)
    if (sets.has('Via')) headers.push('Via', appended(told.via, `${PROTOCOLS[version] ?? version} ${PSEUDONYM}`))
    else if (told.via !== undefined) headers.push('Via', told.via)
  }

  #peerOf(connection: Duplex): Peer {
    return this.#peers.get(connection) ?? this.#opened(connection)
  }

  #opened(connection: Duplex): Peer {
    const address = clientAddress(connection)
    const proto = 'encrypted' in connection && connection.encrypted === true ? 'https' : 'http'
    const node = address === '' ? 'unknown' : address.includes(':') ? `"[${address}]"` : address
    const peer = {
      address,
      proto,
      // A load balancer that names its client by the PROXY protocol passes on what that one wrote: its own address does not count.
      isTrusted: this.#trustedProxies.has(address),
      element: `for=${node};proto=${proto}`,
    } as const
    this.#peers.set(connection, peer)
    return peer
  }
}

function elementOf({ element }: Peer, host: string | undefined): string {
  return host === undefined || host === '' ? element : `${element};host="${host}"`
}

function appended(list: string | undefined, last: string): string {
  return list === undefined || list === '' ? last : `${list}, ${last}`
}
