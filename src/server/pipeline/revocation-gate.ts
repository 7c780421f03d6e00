import type { Refused } from '../../auth/index.js'
import { faults } from '../../faults/index.js'
import type { RevocationLookup } from '../../revocation/index.js'
import type { TokenIdentity } from '../../token/index.js'
import type { LoggedRequest, RequestLog } from '../log/request-log.js'

/** Looks a request's token up in the revocation list: the last check before anything is sent upstream. */
export class RevocationGate {
  readonly #revocations: RevocationLookup
  readonly #log: RequestLog

  constructor(revocations: RevocationLookup, log: RequestLog) {
    this.#revocations = revocations
    this.#log = log
  }

  /** Whether the list is known; see {@link RevocationLookup}. */
  get isKnown(): boolean {
    return this.#revocations.isKnown
  }

  /** Why a request with this token must not be sent now; `undefined`: it may. Synchronous. */
  refusal(request: LoggedRequest, identity: TokenIdentity, apiName: string): Refused | undefined {
    if (!this.#revocations.isKnown) return NOT_SYNCHRONISED
    const revocation = this.#revocations.find(identity)
    this.#log.lookedUp(request, revocation)
    if (revocation === undefined) return undefined
    const now = Date.now()
    this.#revocations.refused(identity, now)
    request.revocation = revocation
    this.#log.revoked(request, apiName, identity, revocation, now)
    return REVOKED
  }
}

export const REVOKED: Refused = { fault: faults.invalidCredentials, reason: 'revoked' }
export const NOT_SYNCHRONISED: Refused = { fault: faults.notSynchronised, reason: 'not-synchronised' }

/** The reason with which open requests are aborted when the list is no longer known. */
export const LIST_NOT_KNOWN = new Error('the revocation list is not known')
