import type { Fault } from '../faults/index.js'
import type { Logger, Logging } from '../logging/index.js'
import type { Revocation } from '../revocation/lookup.js'
import type { TokenIdentity } from '../revocation/token-id.js'
import { type ReceivedRequest, requestId } from './received-request.js'
import { RefusalLog } from './refusal-log.js'

/** What is said about requests, under the names and in the words that WSO2's users look for. */
export class RequestLog {
  readonly #log: Logger
  readonly #authLog: Logger
  readonly #jwtLog: Logger
  readonly #refusals: RefusalLog

  constructor(logging: Logging) {
    this.#log = logging('RequestHandler')
    this.#authLog = logging('AuthnFilter')
    this.#jwtLog = logging('JWTAuthProvider')
    this.#refusals = new RefusalLog(logging('AuthnFilter'))
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
    this.#log.error('a request could not be served', error, { requestId: requestId(request) })
  }

  upstreamFailed(request: ReceivedRequest, failure: string, origin: string, cause: unknown): void {
    const fields = { requestId: requestId(request), failure, origin }
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
}
