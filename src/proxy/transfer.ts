/** Where a request goes. */
export interface UpstreamTarget {
  /** `http` or `https`; for a WebSocket also `ws` or `wss`. */
  readonly origin: string
  /** Path and query, sent to the upstream byte for byte. */
  readonly path: string
}

/** A request as it goes to an upstream. */
export interface UpstreamRequest {
  /** Where it goes first. */
  readonly target: UpstreamTarget
  /** Learns how it went there, and says where it goes next; absent: nowhere. */
  readonly tries?: UpstreamTries | undefined
  /** Name, value, name, value ...: what `requestHeaders` left. */
  readonly headers: string[]
  /** Milliseconds that an upstream may take to answer. Absent: the client's own limit. */
  readonly timeout?: number | undefined
  /** Name, value, name, value ...: added to a response, replacing the upstream's headers of the same names. */
  readonly responseHeaders?: readonly string[]
  /** Whether the gateway answers for CORS: the upstream's `access-control-*` headers are dropped. */
  readonly ownCors?: boolean
}

/** How a try got no answer: nothing was sent, or the connection was lost after that, or the time was up. */
export type TryFailure = 'unsent' | 'lost' | 'timeout'

/** The tries of one request, at one endpoint after another. */
export interface UpstreamTries {
  /** Where the request goes now. */
  readonly target: UpstreamTarget
  /** Milliseconds to wait before it is sent there. */
  readonly delay: number
  /**
   * An answer has begun. Where to send the request instead of passing the answer on, if its status asks for that.
   *
   * @param mayResend whether the request can be sent once more, and may be although it has arrived
   */
  answered(status: number, mayResend: boolean): UpstreamTarget | undefined
  /** No answer has come. Where to send the request next, if anywhere. */
  failed(failure: TryFailure, mayResend: boolean): UpstreamTarget | undefined
  /** The request is over, however it ended. */
  ended(): void
}

/** Why a request got no response, or an incomplete one. `timeout` of an open WebSocket: it was idle for too long. */
export type UpstreamFailure = 'unreachable' | 'timeout' | 'refused' | 'not-websocket' | BodyFailure

/** Why the body of a request did not arrive whole. */
export type BodyFailure = 'body-too-large' | 'body-too-slow' | 'client-left'

/** What a transfer asks before it sends anything, and reports afterwards. */
export interface TransferHooks {
  /**
   * Asked in the same turn in which the first byte of the request is written, and again before each retry and each next
   * upstream. False: nothing is sent, and the transfer fails as `refused`.
   */
  mayStart(): boolean
  /** An upstream's response begins; its headers have this status. Not called for 1xx, except a WebSocket's 101. */
  answered?(status: number): void
  /** Asked before each part that either side sends. False: the part is dropped, and the transfer fails as `refused`. */
  mayGoOn(): boolean
  /**
   * Called at most once. If `answered` is false nothing was sent to the client: the caller must answer it. Over HTTP that
   * is the response's; a WebSocket's socket is the caller's again, to be answered with `writeResponse`.
   */
  failed(failure: UpstreamFailure, answered: boolean, cause: unknown): void
  /** Called once when the transfer is over, however it ended. */
  ended(): void
}

/** What every transfer is made of. */
export interface TransferParts<Options> {
  readonly upstream: UpstreamRequest
  readonly hooks: TransferHooks
  readonly options: Options
}

/** A request under way at an upstream. */
export interface Transfer {
  /** Ends it as `refused`: the upstream's request is aborted, and a client that has part of the response is reset. */
  abort(reason: Error): void
}
