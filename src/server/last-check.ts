import type { Refused } from '../auth/index.js'
import { faults } from '../faults/index.js'
import type { RevocationLookup } from '../revocation/index.js'
import type { TokenIdentity } from '../token/index.js'
import type { ReceivedRequest } from './received-request.js'
import type { RequestLog } from './request-log.js'

/** Whom a forwarded request comes from. */
export interface Caller {
  readonly identity: TokenIdentity
  readonly api: string
}

/** Asks the revocation list: the last thing that happens before a request leaves. */
export class LastCheck {
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

  refusal(request: ReceivedRequest, { identity, api }: Caller): Refused | undefined {
    if (!this.#revocations.isKnown) return NOT_SYNCHRONISED
    const revocation = this.#revocations.find(identity)
    this.#log.lookedUp(request, revocation)
    if (revocation === undefined) return undefined
    const now = Date.now()
    this.#revocations.refused(identity, now)
    this.#log.revoked(request, api, identity, revocation, now)
    return REVOKED
  }
}

const REVOKED: Refused = { fault: faults.invalidCredentials, reason: 'revoked' }
export const NOT_SYNCHRONISED: Refused = { fault: faults.notSynchronised, reason: 'not-synchronised' }

/** What open requests are ended with when the list ceases to be known. */
export const LIST_NOT_KNOWN = new Error('the revocation list is not known')
