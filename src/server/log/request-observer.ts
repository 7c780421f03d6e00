import type { Api, Match } from '../../apis/index.js'
import type { RequestHead, UpstreamTarget } from '../../proxy/index.js'
import type { Revocation } from '../../revocation/index.js'
import type { TokenIdentity } from '../../token/index.js'
import type { Correlation } from '../../tracing/index.js'

/** What is told of a request. Credentials are still in `req`: whoever writes of it takes them out. */
export interface ObservedRequest {
  readonly req: RequestHead
  readonly isSecure: boolean
  readonly isWebSocket: boolean
  readonly requestId: string
  /** Of the trace that it belongs to, if any. */
  readonly traceId: string | undefined
  /** The address of its client, behind trusted proxies; empty: not known. */
  readonly client: string
  /** Absent if no API has its path. */
  readonly api: Api | undefined
  /** Absent if no resource of the API matches. */
  readonly match: Match | undefined
  /** The token that it was authenticated by. */
  readonly token: TokenIdentity | undefined
  /** What revoked its token. */
  readonly revocation: Revocation | undefined
  /** Where it went last; absent: to no upstream. */
  readonly upstream: UpstreamTarget | undefined
  readonly correlation: Correlation
}

/** How a request ended. */
export interface Outcome {
  /** 0: the client left before there was a response. */
  readonly status: number
  /** As in the metrics: `upstream` for an upstream's own response, otherwise why the gateway answered, or the response broke off. */
  readonly reason: string
  /** Whether the gateway refused it. */
  readonly isRefused: boolean
  /** Whether the gateway ended it after the response had begun, since it must not serve the token any longer. */
  readonly isCut?: boolean
  /** Bytes of the response's body; of a WebSocket, all that its client was sent. */
  readonly bytes: number
  /** Milliseconds since it arrived. */
  readonly duration: number
  /** Milliseconds from its arrival until it was sent to an upstream, and the status of that one's response (0: none); absent: it was not. */
  readonly sent?: { readonly after: number; readonly status: number }
}

/** Told once of each request, when its response, or its WebSocket, is over. Must not throw. */
export interface RequestObserver {
  over(request: ObservedRequest, outcome: Outcome): void
}
