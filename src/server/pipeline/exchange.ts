import type { Duplex, Readable } from 'node:stream'
import type { Api, Match } from '../../apis/index.js'
import type { Refused, Sender } from '../../auth/index.js'
import { type Fault, faults } from '../../faults/index.js'
import type { ApiMetrics, MeasuredApi } from '../../metrics/index.js'
import {
  hasHeader,
  type RequestHead,
  type Transfer,
  type TransferHooks,
  type UpstreamFailure,
  type UpstreamRequest,
  type UpstreamTarget,
  type UpstreamTries,
} from '../../proxy/index.js'
import type { Revocation } from '../../revocation/index.js'
import type { TokenIdentity } from '../../token/index.js'
import type { Correlation } from '../../tracing/index.js'
import { networkOf } from '../client-network.js'
import type { KeyManagerEndpoint } from '../key-manager/endpoints.js'
import type { ObservedRequest } from '../log/request-observer.js'
import type { ExchangeContext, ListenerRole } from './exchange-context.js'
import type { Target } from './path.js'
import { LIST_NOT_KNOWN, NOT_SYNCHRONISED, REVOKED } from './revocation-gate.js'

/**
 * A request and its answer, over HTTP or for a WebSocket: one object from the moment it is received until the answer has
 * left. `RequestHandler` fills it in step by step (received, matched) and then refuses, answers or forwards it. Once it
 * is forwarded, the transfer asks it before anything is sent upstream, and tells it how that went.
 */
export abstract class Exchange implements TransferHooks, Sender, ObservedRequest {
  readonly req: RequestHead
  /** Of the listener that received it. */
  readonly role: ListenerRole
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
  /** The token that it was authenticated by. */
  token: TokenIdentity | undefined
  /** What revoked its token. */
  revocation: Revocation | undefined
  /** The address of its client; empty unless somebody observes. */
  client = ''
  /** What every answer to it says, in CORS headers for one. */
  responseHeaders: readonly string[] = []
  /** Whether its API has CORS settings: then its upstream's CORS headers are dropped. */
  ownCors = false

  protected readonly context: ExchangeContext
  #correlation: Correlation | undefined
  #identities: readonly TokenIdentity[] = NOBODY
  #apiName = ''
  #target: UpstreamTarget | undefined
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
  #isReported = false

  constructor(context: ExchangeContext, req: RequestHead, role: ListenerRole) {
    this.context = context
    this.req = req
    this.role = role
  }

  /** What counts as one client, behind trusted proxies too; see `networkOf`. */
  get network(): string {
    return networkOf(this.context.forwarding.clientOf(this.req, this.connection))
  }

  get requestId(): string {
    return this.correlation.requestId
  }

  get traceId(): string | undefined {
    return this.correlation.trace?.traceId
  }

  /** Decided once, when it is first asked for. */
  get correlation(): Correlation {
    const { tracing, forwarding } = this.context
    this.#correlation ??= tracing.correlate(this.req.headers, forwarding.isTrusted(this.connection))
    return this.#correlation
  }

  get isSecure(): boolean {
    return this.role !== 'http'
  }

  /** Where it went last; absent: to no upstream. */
  get upstream(): UpstreamTarget | undefined {
    return this.#tries?.target ?? this.#target
  }

  /** Bytes of the body that the client was sent. */
  protected abstract readonly bytesSent: number

  /** Notes what is gone with the connection, where somebody observes. */
  received(): void {
    const { observers, forwarding } = this.context
    if (observers.length > 0) this.client = forwarding.clientOf(this.req, this.connection)
  }

  /** Asks for the request's body, if the client waits for that. */
  abstract askForBody(): void

  /** Answers with a small body, unless an answer has begun. A HEAD gets the headers only. */
  abstract respond(status: number, headers: readonly string[], body: string | Buffer): void

  /** Begins to transfer the request to an upstream and its answer back. */
  protected abstract transfer(upstream: UpstreamRequest): Transfer

  /** Its headers as an upstream gets them, without those in `removed` (lower-case names). */
  upstreamHeaders(removed: ReadonlySet<string>): string[] {
    const { forwarding, tracing } = this.context
    const headers = forwarding.requestHeaders(this.req, this.connection, removed)
    return tracing.tell(this.correlation, this.req.headers, headers)
  }

  /** Answers with a fault: the only place where one becomes an answer. */
  refuse(fault: Fault, reason: string): void {
    this.context.log.refused(this, fault, reason)
    const { responseHeaders } = this
    const headers = responseHeaders.length === 0 ? fault.headers : [...fault.headers, ...responseHeaders]
    this.#answer(fault.status, headers, fault.body, reason, true)
  }

  /**
   * Answers with a small body of the gateway's own, and counts that.
   *
   * @param reason a word of a small set
   */
  answer(status: number, headers: readonly string[], body: string | Buffer, reason: string): void {
    this.#answer(status, headers, body, reason, false)
  }

  #answer(status: number, headers: readonly string[], body: string | Buffer, reason: string, isRefused: boolean): void {
    this.#count(status, reason)
    this.respond(status, headers, body)
    this.#report(status, reason, isRefused, body)
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
    this.#target = upstream.target
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
      const origin = this.upstream?.origin ?? ''
      log.upstreamFailed(this, failure, origin, cause)
      metrics.upstreamFailed(origin, failure)
    }
    if (!answered) this.refuse(FAULT_OF[failure], failure)
  }

  ended(): void {
    this.#isOver = true
    this.#counts.inProgress--
    const reason = this.#failure === '' ? UPSTREAM : this.#failure
    this.#count(this.#status, reason)
    this.#report(
      this.#status,
      reason,
      false,
      undefined,
      reason === REVOKED.reason || reason === NOT_SYNCHRONISED.reason,
    )
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

  /** Tells those who observe, once. @param body the gateway's own answer; absent: an upstream's */
  #report(status: number, reason: string, isRefused: boolean, body?: string | Buffer, isCut = false): void {
    const { observers } = this.context
    if (observers.length === 0 || this.#isReported) return
    this.#isReported = true
    const sent = this.#sentAt === 0 ? {} : { sent: { after: this.#sentAt - this.#arrivedAt, status: this.#status } }
    const ownBytes = body === undefined || this.req.method === 'HEAD' ? 0 : Buffer.byteLength(body)
    const bytes = body === undefined ? this.bytesSent : ownBytes
    const outcome = { status, reason, isRefused, isCut, bytes, duration: performance.now() - this.#arrivedAt, ...sent }
    for (const observer of observers) observer.over(this, outcome)
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
