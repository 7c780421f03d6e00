import type { Fault } from '../faults/index.js'
import type { Credential, TokenIdentity } from '../token/index.js'

/** Who a request comes from, as its token says. */
export interface Authenticated {
  readonly identity: TokenIdentity
  readonly scopes: ReadonlySet<string>
  /** Which endpoints the token is for: its `keytype` claim. */
  readonly keyType: 'PRODUCTION' | 'SANDBOX'
  /** Epoch ms until which this answer may be used without verifying the token again. */
  readonly usableUntil: number
  /** Epoch ms of the token's `exp`, without any skew: the earlier of two; infinite without one. */
  readonly expiresAt: number
  /** Asks its issuer whether it still stands by it; absent: nobody is asked. */
  readonly standing?: StandingCheck | undefined
}

/** Whether the issuer of a token that was authenticated still stands by it. */
export interface StandingCheck {
  /** The token as it was authenticated, or its refusal: at once while a verdict may be used. Never rejects. */
  confirm(
    authenticated: Authenticated,
    credential: string,
    sender?: Sender,
  ): Authenticated | Refused | Promise<Authenticated | Refused>
}

/** A rejected request: what the client is told, and what the log is told. */
export interface Refused {
  readonly fault: Fault
  /** A short word for logs and metrics: `expired`, `signature`, `issuer` ... Never anything of the token. */
  readonly reason: string
}

/** Whom a credential comes from. */
export interface Sender {
  /** The client's network: those who share it share the introspections that a client may have under way. */
  readonly network: string
}

/** Checks credentials. */
export interface Authenticator {
  /**
   * Synchronous for a cached credential. Bad credentials give a {@link Refused}, as does an unavailable key manager (503);
   * it rejects for any other failure. It does not check revocation: that is the last step before dispatch.
   */
  authenticate(
    credential: string,
    now: number,
    sender?: Sender,
  ): Authenticated | Refused | Promise<Authenticated | Refused>
}

/** Names tokens that nobody verifies, for looking them up in the revocation list and for nothing else. */
export interface TokenNames {
  /** Who a token may come from: as it says itself, and as introspection has said lately. One at least. */
  identitiesOf(credential: Credential, now: number): TokenIdentity[]
}

/** Tells whose tokens are, whatever becomes of them as credentials. */
export interface TokenOrigin {
  /**
   * Whether a configured issuer signed a JWT, whatever it says of its times, its audience and its type: what its issuer may accept
   * later, or by another clock. `undefined`: no key that the issuer publishes now fits it, and a later one may. Rejects with
   * `JwksUnavailable`, or another failure, where the keys cannot be fetched.
   */
  isIssued(credential: string): Promise<boolean | undefined>
}

/** An authenticator that caches what it verified. */
export interface CachingAuthenticator extends Authenticator {
  /** The cached answer for a credential, if it may still be used. Allocates nothing. */
  known(credential: string, now: number): Authenticated | undefined
}

/** Whether the credential was refused: the other outcome is a caller. */
export function isRefused(outcome: Authenticated | Refused): outcome is Refused {
  return 'fault' in outcome
}
