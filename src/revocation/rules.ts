import type { Fingerprint, TokenIdentity } from '../token/index.js'
import { ENTRY_WORDS, readRevokedBefore } from './entry.js'
import { SegmentedTable } from './segmented-table.js'

const SEGMENTS = 64

/** The rule that revokes a token. */
export interface MatchedRule extends Fingerprint {
  readonly by: 'subject' | 'client' | 'session'
}

/** Subjects, clients and sessions whose tokens issued before some time are revoked. */
export class Rules {
  readonly table = new SegmentedTable(ENTRY_WORDS.rule, SEGMENTS)

  /**
   * The rule that revokes a token, because the token was issued (`iat`) before the rule's time. Allocates nothing if no rule
   * does.
   */
  find(token: TokenIdentity): MatchedRule | undefined {
    const { subjects, sessions, clients, issuedAt } = token
    for (const subject of subjects) if (this.#revokes(subject, issuedAt)) return { by: 'subject', ...subject }
    for (const session of sessions) if (this.#revokes(session, issuedAt)) return { by: 'session', ...session }
    for (const client of clients) if (this.#revokes(client, issuedAt)) return { by: 'client', ...client }
    return undefined
  }

  #revokes({ hi, lo }: Fingerprint, issuedAt: number): boolean {
    const segment = this.table.segmentOf(lo)
    const at = segment.find(hi, lo)
    return at >= 0 && readRevokedBefore(segment.words, at) > issuedAt
  }
}
