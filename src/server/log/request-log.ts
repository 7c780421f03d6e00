import type { Resource } from '../../apis/index.js'
import type { Fault } from '../../faults/index.js'
import type { Logger, Logging } from '../../logging/index.js'
import type { EndpointChange } from '../../proxy/index.js'
import type { Revocation } from '../../revocation/index.js'
import type { TokenIdentity } from '../../token/index.js'
import { LineLimit } from './line-limit.js'
import { RefusalLog } from './refusal-log.js'

/** A request as the log names it. */
export interface LoggedRequest {
  readonly requestId: string
  /** Of the trace that it belongs to, if any. */
  readonly traceId?: string | undefined
  /** What revoked its token: noted here when it is refused for that. */
  revocation?: Revocation | undefined
}

/** Logs requests, with the components and the debug lines of WSO2's gateway. */
export class RequestLog {
  readonly #log: Logger
  readonly #authLog: Logger
  readonly #jwtLog: Logger
  readonly #refusals: RefusalLog
  readonly #failures: LineLimit
  readonly #unserved: LineLimit
  /** By origin: an upstream that fails often must not hide the failures of another one. */
  readonly #upstreamFailures = new Map<string, LineLimit>()

  constructor(logging: Logging) {
    this.#log = logging('RequestHandler')
    this.#authLog = logging('AuthnFilter')
    this.#jwtLog = logging('JWTAuthProvider')
    this.#refusals = new RefusalLog(logging('AuthnFilter'))
    this.#unserved = new LineLimit((leftOut) => this.#log.info('operations not served', { leftOut }))
    this.#failures = new LineLimit((leftOut) => {
      this.#log.error('requests failed', undefined, { leftOut })
    })
  }

  /** A request for an operation that is not served, at info: an operator looks for why. */
  notServed(request: LoggedRequest, api: string, { method, fullTemplate, unserved }: Resource): void {
    const more = this.#unserved.next(Date.now())
    if (more === undefined) return
    const fields = { ...namesOf(request), api, operation: `${method} ${fullTemplate}`, ...more }
    this.#log.info('operation not served', { ...fields, reason: unserved?.message })
  }

  refused(request: LoggedRequest, fault: Fault, reason: string): void {
    if (!this.#log.debugEnabled) return
    this.#log.debug('request refused', {
      ...namesOf(request),
      status: fault.status,
      code: fault.code,
      reason,
    })
  }

  failed(request: LoggedRequest, error: unknown): void {
    const more = this.#failures.next(Date.now())
    if (more === undefined) return
    this.#log.error('request failed', error, { ...namesOf(request), ...more })
  }

  /** @param origin a configured one */
  upstreamFailed(request: LoggedRequest, failure: string, origin: string, cause: unknown): void {
    const more = this.#upstreamLimit(origin).next(Date.now())
    if (more === undefined) return
    const fields = { ...namesOf(request), failure, origin, ...more }
    this.#log.error('upstream response incomplete', cause, fields)
  }

  /** An endpoint was ejected or restored, its circuit opened or closed. `time`: milliseconds until a request tries it. */
  endpointChanged(change: EndpointChange, origin: string, time: number): void {
    if (time === 0) this.#log.info(`endpoint ${change}`, { origin })
    else this.#log.warn(`endpoint ${change}`, { origin, retryInMs: time })
  }

  /** The usual end of a WebSocket that nobody uses any more. */
  idle(request: LoggedRequest): void {
    if (!this.#log.debugEnabled) return
    this.#log.debug('idle WebSocket closed', { ...namesOf(request) })
  }

  authentication(request: LoggedRequest, text: string): void {
    if (this.#authLog.debugEnabled) this.#authLog.debug(text, { ...namesOf(request) })
  }

  lookedUp(request: LoggedRequest, revocation: Revocation | undefined): void {
    if (!this.#jwtLog.debugEnabled) return
    const fields = { ...namesOf(request) }
    this.#jwtLog.debug('Checking for the JTI in the gateway invalid revoked token map.', fields)
    if (revocation === undefined) return
    this.#jwtLog.debug('JTI token found in the invalid token map.', fields)
    this.#jwtLog.debug('JWT Authentication Handler returned with value : false', fields)
    this.#jwtLog.debug('JWT Token is revoked', fields)
    this.authentication(request, 'Authentication handler chain returned with value : false')
  }

  revoked(request: LoggedRequest, api: string, token: TokenIdentity, revocation: Revocation, now: number): void {
    this.#refusals.revoked(() => namesOf(request), api, token, revocation, now)
  }

  #upstreamLimit(origin: string): LineLimit {
    let limit = this.#upstreamFailures.get(origin)
    if (limit === undefined) {
      limit = new LineLimit((leftOut) => {
        this.#log.error('upstream responses incomplete', undefined, { origin, leftOut })
      })
      this.#upstreamFailures.set(origin, limit)
    }
    return limit
  }
}

function namesOf({ requestId, traceId }: LoggedRequest): { requestId: string; traceId?: string } {
  return traceId === undefined ? { requestId } : { requestId, traceId }
}
