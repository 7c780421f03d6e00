import type { Refused } from '../auth/index.js'
import { type Fault, faults } from '../faults/index.js'
import type { Exchange, OpenRequests } from '../proxy/index.js'
import type { TokenIdentity } from '../token/index.js'
import type { Answers } from './answers.js'
import { type Caller, type LastCheck, LIST_NOT_KNOWN, NOT_SYNCHRONISED } from './last-check.js'
import type { OutgoingRequest, ReceivedRequest, UpstreamFailure, UpstreamHooks, Upstreams } from './received-request.js'
import type { RequestLog } from './request-log.js'

export interface Dispatching {
  readonly upstreams: Upstreams
  /** Where requests that are under way are noted, so that a revocation ends them; absent: it does not. */
  readonly openRequests: OpenRequests<TokenIdentity> | undefined
  readonly lastCheck: LastCheck
  readonly answers: Answers
  readonly log: RequestLog
}

const FAULT_OF: Readonly<Record<Exclude<UpstreamFailure, 'client-left' | 'refused'>, Fault>> = {
  unreachable: faults.upstreamUnreachable,
  timeout: faults.upstreamTimeout,
  'body-too-large': faults.entityTooLarge,
  'body-too-slow': faults.requestTimeout,
  'not-websocket': faults.badRequest,
}

/** A request that is sent to an upstream: what is asked before it leaves, and what becomes of it. */
export class DispatchedRequest implements UpstreamHooks {
  readonly #by: Dispatching
  readonly #request: ReceivedRequest
  readonly #upstream: OutgoingRequest
  readonly #caller: Caller | undefined
  #exchange: Exchange | undefined
  #refusal: Refused | undefined
  #over = false

  /** @param caller whose token the request came with; none: nothing is looked up */
  constructor(by: Dispatching, request: ReceivedRequest, upstream: OutgoingRequest, caller: Caller | undefined) {
    this.#by = by
    this.#request = request
    this.#upstream = upstream
    this.#caller = caller
  }

  send(): void {
    const { upstreams, openRequests } = this.#by
    const exchange = this.#request.forward(upstreams, this.#upstream, this)
    if (this.#caller === undefined || this.#over) return
    this.#exchange = exchange
    openRequests?.add(this.#caller.identity, exchange)
  }

  mayStart(): boolean {
    if (this.#caller !== undefined) this.#refusal = this.#by.lastCheck.refusal(this.#request, this.#caller)
    return this.#refusal === undefined
  }

  mayGoOn(): boolean {
    const { openRequests, lastCheck } = this.#by
    return this.#caller === undefined || openRequests === undefined || lastCheck.isKnown
  }

  failed(failure: UpstreamFailure, answered: boolean, cause: unknown): void {
    if (failure === 'client-left') return
    const { answers, log } = this.#by
    if (failure === 'refused') {
      if (answered) return
      if (cause === LIST_NOT_KNOWN) this.#refusal = NOT_SYNCHRONISED
      // Revoked after it had left: nobody has said so yet.
      else if (this.#refusal === undefined) this.mayStart()
      const { fault, reason } = this.#refusal ?? { fault: faults.invalidCredentials, reason: 'revoked' }
      return answers.refuse(this.#request, fault, reason)
    }
    if (failure === 'timeout' && answered && this.#request.webSocket) return log.idle(this.#request)
    const byClient = failure === 'body-too-large' || failure === 'body-too-slow'
    if (!byClient) log.upstreamFailed(this.#request, failure, this.#upstream.targets[0].origin, cause)
    if (!answered) answers.refuse(this.#request, FAULT_OF[failure], failure)
  }

  ended(): void {
    this.#over = true
    if (this.#caller === undefined || this.#exchange === undefined) return
    this.#by.openRequests?.remove(this.#caller.identity, this.#exchange)
  }
}
