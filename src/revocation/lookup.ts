import type { Fingerprinter, TokenIdentity } from '../token/index.js'
import type { Entry } from './entry.js'

/** Why a token is refused. */
export interface Revocation {
  /** What of the token was found: one of its own ids, or a rule about whom it was issued to. */
  readonly by: 'jti' | 'signature' | 'token' | 'subject' | 'client' | 'session'
  /** Name of the source that it came from first. */
  readonly source: string
  /** Epoch ms when it was learnt. */
  readonly learntAt: number
}

/** The revocation list as the request path sees it. */
export interface RevocationLookup {
  /** Whether the list is known. While it is not, nothing can be said of any token. Cheap to ask, and free of allocation. */
  readonly isKnown: boolean
  /**
   * A token that ended before this (epoch ms) has ended, whatever the clock says now: what revoked it may be forgotten.
   * -Infinity while nothing is certain.
   */
  readonly endedBefore: number
  /** Synchronous, and free of allocation when the token is not revoked. */
  find(token: TokenIdentity): Revocation | undefined
  /** The token was refused: what revokes it is kept for as long as the token may be presented. */
  refused(token: TokenIdentity, now: number): void
}

/** A list that says what changes: the gateway's own, or a worker's replica of it. */
export interface LiveRevocations extends RevocationLookup {
  /** Tokens are identified with these; they are the list's. */
  readonly fingerprints: Fingerprinter
  /** Calls `listener`, synchronously, with each entry that is new or revokes more than before. */
  onChange(listener: (entry: Entry) => void): () => void
  /**
   * Calls `listener`, synchronously, when the list ceases to be known: in time by a timer, or by whoever asks
   * {@link isKnown} before it.
   */
  onUnknown(listener: () => void): void
  /** A server that is trusted said what time it is (epoch ms). */
  witness(server: string, date: number): void
  /**
   * Calls `listener` whenever revocations begin, or cease, to come at once by a topic; now, if they do already. Without
   * a topic they never do.
   */
  onRealtime(listener: (isLive: boolean) => void): void
}
