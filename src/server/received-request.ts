import type { IncomingMessage } from 'node:http'
import type { HttpClient } from '../http-client/index.js'
import {
  type BodyPace,
  type Exchange,
  type ForwardFailure,
  type ForwardHooks,
  hasHeader,
  type UpgradeFailure,
  type UpgradeOptions,
  type UpstreamRequest,
} from '../proxy/index.js'
import type { OpenWebSockets } from './open-web-sockets.js'

/**
 * What a listener serves: plain HTTP the APIs; HTTPS the APIs and the key manager's endpoints; the token listener the
 * key manager's endpoints alone. All of them answer `/health`.
 */
export type ListenerRole = 'http' | 'https' | 'token'

/** A request on its way through the pipeline, whatever it asks for: how it is answered, and how it goes on. */
export interface ReceivedRequest {
  readonly req: IncomingMessage
  /** Whether it asks for a WebSocket. */
  readonly webSocket: boolean
  /** The listener's that it came by. */
  readonly role: ListenerRole
  readonly number: number
  /** What the API's CORS settings add to any answer. */
  cors: readonly string[]
  /** Whether the API has CORS settings: then nothing that its upstream says of CORS is passed on. */
  ownCors: boolean
  /** Answers with a small body that is here already, unless an answer has begun. A HEAD gets the headers alone. */
  respond(status: number, headers: readonly string[], body: string | Buffer): void
  /** Sends it to an upstream, and the answer back. */
  forward(routes: Upstreams, upstream: OutgoingRequest, hooks: UpstreamHooks): Exchange
}

/** What goes to an upstream; the rest of it is what came. */
export type OutgoingRequest = Pick<UpstreamRequest, 'targets' | 'headers' | 'timeout'>

export type UpstreamFailure = ForwardFailure | UpgradeFailure

/** What is asked before a request leaves, and told of it afterwards. */
export interface UpstreamHooks extends Omit<ForwardHooks, 'failed'> {
  readonly failed: (failure: UpstreamFailure, answered: boolean, cause: unknown) => void
}

/** How upstreams are reached. */
export interface Upstreams {
  readonly client: HttpClient
  /** Bytes; Infinity: no limit. */
  readonly maxBodyBytes: number
  /** How fast a request's body must come; absent: as slowly as it likes. */
  readonly bodyPace?: BodyPace | undefined
  /** Milliseconds for which a client may take nothing of a response; 0 or absent: as long as it likes. */
  readonly clientTimeout?: number | undefined
  /** Of WebSockets; an API's own time-out goes before `answerTimeout`. */
  readonly upgrade: UpgradeOptions
  readonly webSockets: OpenWebSockets
}

export const NO_HEADERS: readonly string[] = []

/** A request's name in the log. */
export function requestId(request: ReceivedRequest): string {
  return `${process.pid.toString(36)}-${request.number.toString(36)}`
}

/** The headers of an answer of the gateway's own, or of the key manager's: an array that may be added to. */
export function answerHeaders(headers: readonly string[], server: string): string[] {
  return server === '' || hasHeader(headers, 'server') ? [...headers] : ['server', server, ...headers]
}
