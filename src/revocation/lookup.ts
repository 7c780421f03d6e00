import type { Fingerprinter, TokenIdentity } from '../token/index.js'
import type { Entry } from './entry.js'

/** Why a token is refused. */
export interface Revocation {
  /** What matched: one of the token's own ids, or a rule about its subject, client, session, issuer or claims. */
  readonly by: 'jti' | 'signature' | 'token' | 'subject' | 'client' | 'session' | 'issuer' | 'claims'
  /** Name of the source that delivered it first. */
  readonly source: string
  /** Epoch ms when it was learnt. */
  readonly learntAt: number
}

/** The revocation list as the request path sees it. */
export interface RevocationLookup {
  /** Whether the list is known. While it is not, no token can be judged. Cheap; allocates nothing. */
  readonly isKnown: boolean
  /**
   * Tokens whose end, `exp` and the allowed skew, lies before this (epoch ms) have ended, whatever the clock says now: their
   * revocations may be gone.
   * -Infinity while nothing is certain.
   */
  readonly endedBefore: number
  /** Synchronous; allocates nothing for a token that is not revoked. */
  find(token: TokenIdentity): Revocation | undefined
  /** Call when a token is refused: its revocation is kept for as long as the token may be presented. */
  refused(token: TokenIdentity, now: number): void
}

/** A list that tells listeners about changes: the primary's, or a worker's replica. */
export interface LiveRevocations extends RevocationLookup {
  /**
   * Tokens whose `exp` lies before this (epoch ms) have ended, whatever skew is allowed now: by an earlier, smaller one their
   * revocations may be gone. It may stand still for long, so it is no time of day.
   */
  readonly droppedBefore: number
  /** The list's fingerprints: identify tokens with these. */
  readonly fingerprints: Fingerprinter
  /** Calls `listener`, synchronously, with each entry that is new or revokes more than before. */
  onChange(listener: (entry: Entry) => void): () => void
  /**
   * Calls `listener`, synchronously, when the list stops being known: from a timer, or from the first read of
   * {@link isKnown} after that.
   */
  onUnknown(listener: () => void): void
  /** Reports the `Date` (epoch ms) of a trusted server. */
  witness(server: string, date: number): void
  /**
   * Calls `listener` whenever the topic subscription becomes live or stops being live; at once if it is live. Without a
   * topic it never is.
   */
  onRealtime(listener: (isLive: boolean) => void): void
}

/** Whether the topic subscription is live, so that revocations arrive as they happen; tells listeners. */
export class RealtimeStatus {
  readonly #listeners = new Set<(isLive: boolean) => void>()
  #isLive = false

  get isLive(): boolean {
    return this.#isLive
  }

  /** Tells listeners even if nothing changed: something may have been missed between two gaps. */
  set(isLive: boolean): void {
    this.#isLive = isLive
    for (const listener of this.#listeners) listener(isLive)
  }

  /** Calls `listener` whenever the subscription becomes live or stops being live; at once if it is live. */
  onChange(listener: (isLive: boolean) => void): () => void {
    this.#listeners.add(listener)
    if (this.#isLive) listener(true)
    return () => void this.#listeners.delete(listener)
  }
}
