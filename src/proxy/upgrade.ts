import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import type { Exchange, ForwardFailure, UpstreamTarget } from './forward.js'
import { UpgradeFailover } from './upgrade-failover.js'

/** A request for a WebSocket as it goes to an upstream. */
export interface UpgradeUpstream {
  /** `ws`, `wss`, `http` or `https`; in the order in which they are tried: the next one when one cannot be reached. */
  readonly targets: readonly [UpstreamTarget, ...UpstreamTarget[]]
  /** Name, value, name, value ...: what `requestHeaders` left. */
  readonly headers: readonly string[]
}

/** Why a WebSocket did not come about, or ended otherwise than by its ends' leave. */
export type UpgradeFailure = Exclude<ForwardFailure, 'body-too-large'> | 'not-websocket'

export interface UpgradeHooks {
  /**
   * Asked in the same turn in which the request's first byte is written, again for the next upstream. False: it is not,
   * and the failure is `refused`.
   */
  readonly mayStart: () => boolean
  /** Asked before each part that either side sends. False: it does not go on, and the exchange is ended as `refused`. */
  readonly mayGoOn: () => boolean
  /**
   * Called once at most. If `answered` is false nothing was sent to the client and the socket is the caller's again:
   * answer with `writeResponse`.
   */
  readonly failed: (failure: UpgradeFailure, answered: boolean, cause: unknown) => void
  /** Called once when the exchange is over, however it ended. */
  readonly ended: () => void
}

export interface UpgradeOptions {
  /** For upstreams over TLS: `ca`, `cert`, `key`, `minVersion` ... */
  readonly tls: ConnectionOptions
  /** Milliseconds until the connection stands. */
  readonly connectTimeout: number
  /** Milliseconds until the upstream's answer; 0: no limit. */
  readonly answerTimeout: number
  /** Milliseconds without a byte in either direction, once it is open; 0: no limit. */
  readonly idleTimeout: number
}

/** A WebSocket, or one that is asked for. */
export interface UpgradedExchange extends Exchange {
  /** Ends it as `refused`: with a Close frame of code 1008 if one fits in between frames within 100 ms, else a reset. */
  abort(reason: Error): void
  /** The same for a gateway that stops: code 1001, and no failure once it is open. */
  goAway(): void
}

/**
 * Joins a client that asks for a WebSocket with an upstream, each side at the pace of the other. An answer other than 101
 * is passed on, up to 64 KiB of it, and the connection closed. Either side's end is passed on as an end, its reset as a
 * reset. `socket` and `head` are those of Node's `upgrade` event; the socket is this exchange's until it fails unanswered.
 */
export function proxyUpgrade(
  upstream: UpgradeUpstream,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  hooks: UpgradeHooks,
  options: UpgradeOptions,
): UpgradedExchange {
  const exchange = new UpgradeFailover(upstream, isWebSocketUpgrade(req), socket, hooks, options)
  exchange.start(head)
  return exchange
}

/** Whether a request asks for a WebSocket and nothing else, and has no body (RFC 6455 §4.1). */
export function isWebSocketUpgrade(req: IncomingMessage): boolean {
  const { headers } = req
  return (
    req.method === 'GET' &&
    req.httpVersion === '1.1' &&
    headers.upgrade?.trim().toLowerCase() === 'websocket' &&
    headers['sec-websocket-key'] !== undefined &&
    headers['transfer-encoding'] === undefined &&
    Number(headers['content-length'] ?? 0) === 0
  )
}
