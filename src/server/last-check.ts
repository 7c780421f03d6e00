import type { Refused } from '../auth/index.js'
import { faults } from '../faults/index.js'
import type { RevocationLookup } from '../revocation/lookup.js'
import type { TokenIdentity } from '../revocation/token-id.js'
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

  refusal(request: ReceivedRequest, { identity, api }: Caller): Refused | undefined {
    const now = Date.now()
    if (now >= this.#revocations.knownUntil) return NOT_SYNCHRONISED
    const revocation = this.#revocations.find(identity, now)
    this.#log.lookedUp(request, revocation)
    if (revocation === undefined) return undefined
    this.#revocations.refused(identity, now)
    this.#log.revoked(request, api, identity, revocation, now)
    return REVOKED
  }
}

const REVOKED: Refused = { fault: faults.invalidCredentials, reason: 'revoked' }
const NOT_SYNCHRONISED: Refused = { fault: faults.notSynchronised, reason: 'not-synchronised' }
