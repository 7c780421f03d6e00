import type { Fault } from '../faults/index.js'
import type { TokenIdentity } from '../token/index.js'

/** Who a request comes from, as its token says. */
export interface Authenticated {
  readonly identity: TokenIdentity
  readonly scopes: ReadonlySet<string>
  /** Which endpoints the token is for: its `keytype` claim. */
  readonly keyType: 'PRODUCTION' | 'SANDBOX'
  /** Epoch ms until which this answer may be used without verifying the token again. */
  readonly usableUntil: number
}

/** A request that is not let in: what the client is told, and what the log is told. */
export interface Refused {
  readonly fault: Fault
  /** A short word for logs and metrics: `expired`, `signature`, `issuer` ... Never anything of the token. */
  readonly reason: string
}

/** Checks credentials. */
export interface Authenticator {
  /**
   * Answers at once for a credential that was verified lately, else later. Bad credentials are a {@link Refused}, as is
   * a key manager that cannot be asked (503); a rejection means that something else is wrong. Says nothing about revocation: that is asked last.
   */
  authenticate(credential: string, now: number): Authenticated | Refused | Promise<Authenticated | Refused>
}

/** An authenticator that remembers what it verified. */
export interface CachingAuthenticator extends Authenticator {
  /** The answer for a credential that it verified lately, if it may still be used. Allocates nothing. */
  known(credential: string, now: number): Authenticated | undefined
}

export function isRefused(outcome: Authenticated | Refused): outcome is Refused {
  return 'fault' in outcome
}
