/**
 * What a source says: a token is revoked, or everything issued to somebody before a moment is.
 * Records are facts that only ever add up; their order and their repetition mean nothing.
 */
export type RevocationRecord = TokenRevocation | RuleRevocation

/** One token, named by its `jti`, its signature segment, the whole JWT, or the whole opaque credential. */
export interface TokenRevocation {
  readonly kind: 'token'
  readonly id: string
  /** When the token itself ends (epoch ms); `undefined` when the source does not know. */
  readonly expiresAt: number | undefined
}

/** Every token of a subject, a client or a session that was issued (`iat`) before `revokedBefore`. */
export interface RuleRevocation {
  readonly kind: 'subject' | 'client' | 'session'
  readonly id: string
  /** Epoch ms. A token without `iat` counts as issued at 0. */
  readonly revokedBefore: number
  readonly expiresAt: number | undefined
}
