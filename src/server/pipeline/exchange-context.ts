import type { RequestMetrics } from '../../metrics/index.js'
import type { Forwarding, ForwardOptions, OpenRequests, WebSocketOptions } from '../../proxy/index.js'
import type { TokenIdentity } from '../../token/index.js'
import type { Tracing } from '../../tracing/index.js'
import type { RequestLog } from '../log/request-log.js'
import type { RequestObserver } from '../log/request-observer.js'
import type { RevocationGate } from './revocation-gate.js'
import type { OpenWebSockets } from './websocket-exchange.js'

/**
 * What a listener serves: plain HTTP the APIs; HTTPS the APIs and the key manager's endpoints; the token listener the
 * key manager's endpoints only. All of them answer `/health`.
 */
export type ListenerRole = 'http' | 'https' | 'token'

/** Counts requests that are under way. */
export class Forwarded {
  #open = 0
  #waiting: (() => void)[] = []

  begun(): void {
    this.#open++
  }

  ended(): void {
    if (--this.#open > 0) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Resolves as soon as none is under way. */
  allEnded(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve))
  }
}

/** What all exchanges of a gateway share. */
export interface ExchangeContext {
  readonly log: RequestLog
  readonly metrics: RequestMetrics
  /** Told of each request when it is over. */
  readonly observers: readonly RequestObserver[]
  readonly gate: RevocationGate
  /** Requests with a token that are under way, so that a revocation ends them; absent: it does not. */
  readonly openRequests: OpenRequests<TokenIdentity> | undefined
  readonly http: ForwardOptions
  readonly webSocket: WebSocketOptions
  /** Requests over HTTP that have gone, or will go, to an upstream, and are not over. */
  readonly forwarded: Forwarded
  readonly openWebSockets: OpenWebSockets
  /** What upstreams are told of the client. */
  readonly forwarding: Forwarding
  /** By what requests are found again. */
  readonly tracing: Tracing
  /** The `server` header of the gateway's own answers; empty: none. */
  readonly serverHeader: string
}
