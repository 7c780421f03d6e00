import type { JSONValue, RevocationRecord } from '../../revocation/index.js'

/** By what a verified message of an identity provider is judged. */
export interface MessageRules {
  readonly issuer: string
  readonly clientIds: readonly string[]
  /** See `realmWide` in docs/configuration.md. */
  readonly realmWide: boolean
  /** Milliseconds by which clocks may differ. */
  readonly skew: number
  /** Epoch ms: no later than the issuer's clock shows, as far as known: ours may be ahead. */
  readonly earliest: number
  /** Epoch ms: no sooner than the issuer's clock shows, as far as known. */
  readonly latest: number
}

/** What a message says: whose tokens have ended, and the id under which it is remembered. */
export interface ReadMessage {
  readonly id: string
  readonly records: readonly RevocationRecord[]
}

/** Why a message is refused: a short word of a fixed set. */
export interface RefusedMessage {
  readonly problem: string
  /** Nothing shows that it is the provider's: anybody can send as much. */
  readonly isAnybodys?: true
}

/** Reasons for which anybody's messages are refused begin with it where they are counted: they are no reason for an alert. */
export const UNAUTHENTICATED = 'unauthenticated-'

export function refused(problem: string): RefusedMessage {
  return { problem }
}

/** The id of a message: what it names itself by, and what it says, so that none of two that share a name is lost. */
export function idOf(...parts: readonly (JSONValue | undefined)[]): string {
  return JSON.stringify(parts)
}
