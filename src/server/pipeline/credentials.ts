import {
  type Authenticated,
  type Authenticator,
  carriedTokens,
  hasQueryToken,
  JwksUnavailable,
  type Refused,
  readBearer,
  type TokenNames,
} from '../../auth/index.js'
import { faults } from '../../faults/index.js'
import type { RevocationLookup } from '../../revocation/index.js'
import type { TokenIdentity } from '../../token/index.js'
import type { RequestLog } from '../log/request-log.js'
import type { Exchange } from './exchange.js'

interface CredentialsParts {
  readonly authenticator: Authenticator & TokenNames
  readonly revocations: RevocationLookup
  readonly log: RequestLog
}

/** The steps of the pipeline that read what tokens a request comes with. Each refuses the request, or goes on. */
export class Credentials {
  readonly #parts: CredentialsParts
  readonly #authenticated: (exchange: Exchange, outcome: Authenticated | Refused) => void

  /** @param authenticated takes what became of a credential, at once if it was cached */
  constructor(parts: CredentialsParts, authenticated: (exchange: Exchange, outcome: Authenticated | Refused) => void) {
    this.#parts = parts
    this.#authenticated = authenticated
  }

  /** Requires a token in `header` (lower-case name). */
  authenticate(exchange: Exchange, header: string): void {
    const { authenticator, revocations, log } = this.#parts
    if (!revocations.isKnown) return exchange.refuse(faults.notSynchronised, 'not-synchronised')
    const bearer = readBearer(exchange.req.rawHeaders, header)
    if (bearer.kind === 'ambiguous' || hasQueryToken(exchange.target.query)) {
      return exchange.refuse(faults.badRequest, 'two-credentials')
    }
    if (bearer.kind === 'missing') return exchange.refuse(faults.missingCredentials, 'missing')
    if (bearer.kind === 'malformed') return exchange.refuse(faults.invalidCredentials, 'malformed')
    log.authentication(exchange, 'Processing request with the Authentication handler chain')
    const now = Math.max(Date.now(), revocations.endedBefore)
    const outcome = authenticator.authenticate(bearer.credential, now, exchange)
    if (!(outcome instanceof Promise)) return this.#authenticated(exchange, outcome)
    outcome.then(
      (late) => exchange.guard(() => this.#authenticated(exchange, late)),
      (error) => {
        // The issuer's keys are unavailable: logged where they are fetched.
        if (error instanceof JwksUnavailable) exchange.refuse(faults.keyManagerUnavailable, 'no-keys')
        else exchange.fail(error)
      },
    )
  }

  /**
   * The identities of the tokens that a request to a resource which requires none carries: they are forwarded, and so must
   * not be revoked. `undefined`: the request was refused.
   */
  carriedBy(exchange: Exchange, header: string): readonly TokenIdentity[] | undefined {
    if (readBearer(exchange.req.rawHeaders, header).kind === 'ambiguous') {
      exchange.refuse(faults.badRequest, 'two-credentials')
      return undefined
    }
    const carried = this.#carried(exchange, header, false)
    if (carried !== undefined && carried.length > 0 && !this.#parts.revocations.isKnown) {
      exchange.refuse(faults.notSynchronised, 'not-synchronised')
      return undefined
    }
    return carried
  }

  /** The identities of the tokens beside the one in `header`, which is checked. `undefined`: the request was refused. */
  othersIn(exchange: Exchange, header: string): readonly TokenIdentity[] | undefined {
    return this.#carried(exchange, header, true)
  }

  /** The identities of the tokens that an upstream may find in a request, the one in `header` left out if it is checked. */
  #carried(exchange: Exchange, header: string, isChecked: boolean): readonly TokenIdentity[] | undefined {
    const credentials = carriedTokens(exchange.req.rawHeaders, header, isChecked, exchange.target.query)
    if (credentials === 'malformed') {
      exchange.refuse(faults.invalidCredentials, 'malformed')
      return undefined
    }
    if (credentials.length === 0) return NONE
    const now = Date.now()
    return credentials.flatMap((credential) => this.#parts.authenticator.identitiesOf(credential, now))
  }
}

const NONE: readonly TokenIdentity[] = []
