import type { Fault } from '../faults/index.js'
import type { Logger, Logging } from '../logging/index.js'
import type { Revocation } from '../revocation/index.js'
import type { TokenIdentity } from '../token/index.js'
import { LineLimit } from './line-limit.js'
import { type ReceivedRequest, requestId } from './received-request.js'
import { RefusalLog } from './refusal-log.js'

/** What is said about requests, under the names and in the words that WSO2's users look for. */
export class RequestLog {
  readonly #log: Logger
  readonly #authLog: Logger
  readonly #jwtLog: Logger
  readonly #refusals: RefusalLog
  readonly #failures: LineLimit
  /** By origin, so that an upstream that fails often does not hide that another one fails too. */
  readonly #upstreamFailures = new Map<string, LineLimit>()

  constructor(logging: Logging) {
    this.#log = logging('RequestHandler')
    this.#authLog = logging('AuthnFilter')
    this.#jwtLog = logging('JWTAuthProvider')
    this.#refusals = new RefusalLog(logging('AuthnFilter'))
    this.#failures = new LineLimit((leftOut) => {
      this.#log.error('requests could not be served', undefined, { leftOut })
    })
  }

  refused(request: ReceivedRequest, fault: Fault, reason: string): void {
    if (!this.#log.debugEnabled) return
    this.#log.debug('request refused', {
      requestId: requestId(request),
      status: fault.status,
      code: fault.code,
      reason,
    })
  }

  failed(request: ReceivedRequest, error: unknown): void {
    const more = this.#failures.next(Date.now())
    if (more === undefined) return
    this.#log.error('a request could not be served', error, { requestId: requestId(request), ...more })
  }

  /** @param origin a configured one */
  upstreamFailed(request: ReceivedRequest, failure: string, origin: string, cause: unknown): void {
    const more = this.#upstreamLimit(origin).next(Date.now())
    if (more === undefined) return
    const fields = { requestId: requestId(request), failure, origin, ...more }
    this.#log.error('the upstream gave no whole response', cause, fields)
  }

  /** The usual end of a WebSocket whose ends have nothing more to say. */
  idle(request: ReceivedRequest): void {
    if (!this.#log.debugEnabled) return
    this.#log.debug('a WebSocket on which nothing happened was closed', { requestId: requestId(request) })
  }

  authentication(request: ReceivedRequest, text: string): void {
    if (this.#authLog.debugEnabled) this.#authLog.debug(text, { requestId: requestId(request) })
  }

  lookedUp(request: ReceivedRequest, revocation: Revocation | undefined): void {
    if (!this.#jwtLog.debugEnabled) return
    const fields = { requestId: requestId(request) }
    this.#jwtLog.debug('Checking for the JTI in the gateway invalid revoked token map.', fields)
    if (revocation === undefined) return
    this.#jwtLog.debug('JTI token found in the invalid token map.', fields)
    this.#jwtLog.debug('JWT Authentication Handler returned with value : false', fields)
    this.#jwtLog.debug('JWT Token is revoked', fields)
    this.authentication(request, 'Authentication handler chain returned with value : false')
  }

  revoked(request: ReceivedRequest, api: string, token: TokenIdentity, revocation: Revocation, now: number): void {
    this.#refusals.revoked(() => requestId(request), api, token, revocation, now)
  }

  #upstreamLimit(origin: string): LineLimit {
    let limit = this.#upstreamFailures.get(origin)
    if (limit === undefined) {
      limit = new LineLimit((leftOut) => {
        this.#log.error('the upstream gave no whole responses', undefined, { origin, leftOut })
      })
      this.#upstreamFailures.set(origin, limit)
    }
    return limit
  }
}
