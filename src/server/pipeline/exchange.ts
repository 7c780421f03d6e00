import type { Duplex, Readable } from 'node:stream'
import type { Api, Match } from '../../apis/index.js'
import type { Refused, Sender } from '../../auth/index.js'
import { type Fault, faults } from '../../faults/index.js'
import type { ApiMetrics, MeasuredApi, RequestMetrics } from '../../metrics/index.js'
import {
  type Forwarding,
  type ForwardOptions,
  hasHeader,
  type OpenRequests,
  type RequestHead,
  type Transfer,
  type TransferHooks,
  type UpstreamFailure,
  type UpstreamRequest,
  type UpstreamTries,
  type WebSocketOptions,
} from '../../proxy/index.js'
import type { TokenIdentity } from '../../token/index.js'
import { networkOf, peerOf } from '../client-network.js'
import type { KeyManagerEndpoint } from '../key-manager/endpoints.js'
import type { RequestLog } from '../log/request-log.js'
import type { Target } from './path.js'
import { LIST_NOT_KNOWN, NOT_SYNCHRONISED, REVOKED, type RevocationGate } from './revocation-gate.js'
import type { OpenWebSockets } from './websocket-exchange.js'

/**
 * What a listener serves: plain HTTP the APIs; HTTPS the APIs and the key manager's endpoints; the token listener the
 * key manager's endpoints only. All of them answer `/health`.
 */
export type ListenerRole = 'http' | 'https' | 'token'

/** What all exchanges of a gateway share. */
export interface ExchangeContext {
  readonly log: RequestLog
  readonly metrics: RequestMetrics
  readonly gate: RevocationGate
  /** Requests with a token that are under way, so that a revocation ends them; absent: it does not. */
  readonly openRequests: OpenRequests<TokenIdentity> | undefined
  readonly http: ForwardOptions
  readonly webSocket: WebSocketOptions
  readonly openWebSockets: OpenWebSockets
  /** What upstreams are told of the client. */
  readonly forwarding: Forwarding
  /** The `server` header of the gateway's own answers; empty: none. */
  readonly serverHeader: string
}

/**
 * A request and its answer, over HTTP or for a WebSocket: one object from the moment it is received until the answer has
 * left. `RequestHandler` fills it in step by step (received, matched) and then refuses, answers or forwards it. Once it
 * is forwarded, the transfer asks it before anything is sent upstream, and tells it how that went.
 */
export abstract class Exchange implements TransferHooks, Sender {
  readonly req: RequestHead
  /** Of the listener that received it. */
  readonly role: ListenerRole
  /** Unique in this process; see `requestId`. */
  readonly number: number
  abstract readonly isWebSocket: boolean
  /** The connection that it came over. */
  abstract readonly connection: Duplex
  /** The request's body. */
  abstract readonly body: Readable

  /** What it asks for. */
  target: Target = UNREAD
  /** The API that its path belongs to, whether or not one of its resources matched. */
  api: Api | undefined
  /** Matched: a resource of an API, or else an endpoint of the key manager. */
  match: Match | undefined
  endpoint: KeyManagerEndpoint | undefined
  /** What every answer to it says, in CORS headers for one. */
  responseHeaders: readonly string[] = []
  /** Whether its API has CORS settings: then its upstream's CORS headers are dropped. */
  ownCors = false

  protected readonly context: ExchangeContext
  #identities: readonly TokenIdentity[] = NOBODY
  #apiName = ''
  #origin = ''
  #tries: UpstreamTries | undefined
  #transfer: Transfer | undefined
  #refusal: Refused | undefined
  #isOver = false
  /** Monotonic ms: of its arrival, and of its first byte to an upstream. */
  readonly #arrivedAt = performance.now()
  #sentAt = 0
  /** The status of the upstream's response; 0: there is none. */
  #status = 0
  #failure = ''
  #isCounted = false

  constructor(context: ExchangeContext, req: RequestHead, role: ListenerRole, number: number) {
    this.context = context
    this.req = req
    this.role = role
    this.number = number
  }

  /** What counts as one client; see `networkOf`. */
  get network(): string {
    return networkOf(peerOf(this.connection))
  }

  /** Asks for the request's body, if the client waits for that. */
  abstract askForBody(): void

  /** Answers with a small body, unless an answer has begun. A HEAD gets the headers only. */
  abstract respond(status: number, headers: readonly string[], body: string | Buffer): void

  /** Begins to transfer the request to an upstream and its answer back. */
  protected abstract transfer(upstream: UpstreamRequest): Transfer

  /** Its headers as an upstream gets them, without those in `removed` (lower-case names). */
  upstreamHeaders(removed: ReadonlySet<string>): string[] {
    return this.context.forwarding.requestHeaders(this.req, this.connection, removed)
  }

  /** Answers with a fault: the only place where one becomes an answer. */
  refuse(fault: Fault, reason: string): void {
    this.context.log.refused(this, fault, reason)
    const { responseHeaders } = this
    const headers = responseHeaders.length === 0 ? fault.headers : [...fault.headers, ...responseHeaders]
    this.answer(fault.status, headers, fault.body, reason)
  }

  /**
   * Answers with a small body of the gateway's own, and counts that.
   *
   * @param reason a word of a small set
   */
  answer(status: number, headers: readonly string[], body: string | Buffer, reason: string): void {
    this.#count(status, reason)
    this.respond(status, headers, body)
  }

  /** Answers 500 after an unexpected error: the log has its cause, the client does not. */
  fail(error: unknown): void {
    this.context.log.failed(this, error)
    const { status, headers, body } = faults.unclassified
    this.answer(status, headers, body, 'error')
  }

  /** Runs a step outside of the listener's turn, where nobody else catches what it throws. */
  guard(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.fail(error)
    }
  }

  /**
   * Sends the request to an upstream.
   *
   * @param identities of the tokens that it came with: looked up right before anything is sent
   */
  forward(upstream: UpstreamRequest, identities: readonly TokenIdentity[], apiName: string): void {
    this.#identities = identities
    this.#apiName = apiName
    this.#origin = upstream.target.origin
    this.#tries = upstream.tries
    this.#counts.inProgress++
    const transfer = this.transfer(upstream)
    if (this.#isOver) return
    this.#transfer = transfer
    for (const identity of identities) this.context.openRequests?.add(identity, transfer)
  }

  /** The last check: in the turn in which the first byte is sent, and again before each retry and each next upstream. */
  mayStart(): boolean {
    for (const identity of this.#identities) {
      this.#refusal = this.context.gate.refusal(this, identity, this.#apiName)
      if (this.#refusal !== undefined) return false
    }
    this.#sentAt = performance.now()
    return true
  }

  answered(status: number): void {
    this.#status = status
    this.#counts.upstream.observe(performance.now() - this.#sentAt)
    if (this.isWebSocket) this.#count(status, UPSTREAM) // it may stay open for days
  }

  mayGoOn(): boolean {
    const { openRequests, gate } = this.context
    return this.#identities.length === 0 || openRequests === undefined || gate.isKnown
  }

  failed(failure: UpstreamFailure, answered: boolean, cause: unknown): void {
    this.#failure =
      failure !== 'refused' ? failure : cause === LIST_NOT_KNOWN ? NOT_SYNCHRONISED.reason : REVOKED.reason
    if (failure === 'client-left') return
    if (failure === 'refused') {
      if (!answered) this.#refuseToken(cause)
      return
    }
    const { log, metrics } = this.context
    if (failure === 'timeout' && answered && this.isWebSocket) return log.idle(this)
    const byClient = failure === 'body-too-large' || failure === 'body-too-slow'
    if (!byClient) {
      const origin = this.#tries?.target.origin ?? this.#origin
      log.upstreamFailed(this, failure, origin, cause)
      metrics.upstreamFailed(origin, failure)
    }
    if (!answered) this.refuse(FAULT_OF[failure], failure)
  }

  ended(): void {
    this.#isOver = true
    this.#counts.inProgress--
    this.#count(this.#status, this.#failure === '' ? UPSTREAM : this.#failure)
    if (this.#transfer === undefined) return
    for (const identity of this.#identities) this.context.openRequests?.remove(identity, this.#transfer)
  }

  /** Counts it once, with its answer. */
  #count(status: number, reason: string): void {
    if (this.#isCounted) return
    this.#isCounted = true
    const counts = this.#counts
    counts.count(status, reason)
    if (!this.isWebSocket) counts.duration.observe(performance.now() - this.#arrivedAt)
  }

  get #counts(): ApiMetrics {
    return this.context.metrics.of(this.api ?? (this.endpoint && KEY_MANAGER))
  }

  /** The headers of an answer that is not an upstream's. The array may be added to. */
  protected answerHeaders(headers: readonly string[]): string[] {
    const { serverHeader } = this.context
    return serverHeader === '' || hasHeader(headers, 'server') ? [...headers] : ['server', serverHeader, ...headers]
  }

  #refuseToken(cause: unknown): void {
    if (cause === LIST_NOT_KNOWN) this.#refusal = NOT_SYNCHRONISED
    // Revoked after the request had left: looks up, and logs, why.
    else if (this.#refusal === undefined) this.mayStart()
    const { fault, reason } = this.#refusal ?? REVOKED
    this.refuse(fault, reason)
  }
}

const NOBODY: readonly TokenIdentity[] = []
/** What the key manager's endpoints are counted under. */
const KEY_MANAGER: MeasuredApi = { name: '(key manager)', version: '' }
/** Why a response is what it is: the upstream gave it. */
const UPSTREAM = 'upstream'
const UNREAD: Target = { kind: 'target', path: '', query: '' }

const FAULT_OF: Readonly<Record<Exclude<UpstreamFailure, 'client-left' | 'refused'>, Fault>> = {
  unreachable: faults.upstreamUnreachable,
  timeout: faults.upstreamTimeout,
  'body-too-large': faults.entityTooLarge,
  'body-too-slow': faults.requestTimeout,
  'not-websocket': faults.badRequest,
}
