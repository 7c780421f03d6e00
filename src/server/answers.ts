import { JwksUnavailable } from '../auth/index.js'
import { type Fault, faults } from '../faults/index.js'
import type { ReceivedRequest } from './received-request.js'
import type { RequestLog } from './request-log.js'

/** The one place where a fault becomes an answer. */
export class Answers {
  readonly #log: RequestLog

  constructor(log: RequestLog) {
    this.#log = log
  }

  refuse(request: ReceivedRequest, fault: Fault, reason: string): void {
    this.#log.refused(request, fault, reason)
    const { cors } = request
    request.respond(fault.status, cors.length === 0 ? fault.headers : [...fault.headers, ...cors], fault.body)
  }

  /** For a token that could not be judged. An issuer without keys is a state, logged where its keys are fetched. */
  unjudged(request: ReceivedRequest, error: unknown): void {
    if (error instanceof JwksUnavailable) this.refuse(request, faults.keyManagerUnavailable, 'no-keys')
    else this.failed(request, error)
  }

  /** For what nobody foresaw: the log has its cause, the client does not. */
  failed(request: ReceivedRequest, error: unknown): void {
    this.#log.failed(request, error)
    const { status, headers, body } = faults.unclassified
    request.respond(status, headers, body)
  }

  /** Takes a step that comes later than its request's turn. */
  guarded(request: ReceivedRequest, step: () => void): void {
    try {
      step()
    } catch (error) {
      this.failed(request, error)
    }
  }
}
