import { add, type Samples } from './samples.js'

/**
 * Why a listener closes a connection or refuses a request before anything else sees it.
 * - `limit`, `client-limit`: `maxConnections`, `maxConnectionsPerClient`
 * - `tls`: the handshake failed, or took too long
 * - `proxy-protocol`: not a trusted proxy, or no header that can be read
 * - `unreadable`: what came is no request of HTTP that can be served
 * - `slow-request`, `slow-reader`: a head that does not arrive, a response that is not read
 */
const REASONS = ['limit', 'client-limit', 'tls', 'proxy-protocol', 'unreadable', 'slow-request', 'slow-reader'] as const
export type ListenerRefusal = (typeof REASONS)[number]

/** Counts what the listeners of a process refuse. */
export class ListenerRefusals {
  readonly #counts = new Map<ListenerRefusal, number>()

  count(reason: ListenerRefusal): void {
    this.#counts.set(reason, this.of(reason) + 1)
  }

  of(reason: ListenerRefusal): number {
    return this.#counts.get(reason) ?? 0
  }

  /** Adds all counts, zeros too: what appears with its first event has no increase. */
  collect(samples: Samples): void {
    for (const reason of REASONS) add(samples, 'mgw_listener_refusals_total', [reason], this.of(reason))
  }
}
