import type { ClaimSet, Fingerprint, IdentityNames, TokenIdentity } from '../token/index.js'
import { ENTRY_WORDS, readRevokedBefore } from './entry.js'
import { SegmentedTable } from './segmented-table.js'

const SEGMENTS = 64

/** The rule that revokes a token. */
export interface MatchedRule extends Fingerprint {
  readonly by: 'subject' | 'client' | 'session' | 'issuer' | 'claims'
  readonly kind: 'rule' | 'issuerRule' | 'claimsRule'
}

/** Subjects, clients, sessions, issuers and claims whose tokens issued before some time are revoked. */
export class Rules {
  readonly tables = {
    rule: new SegmentedTable(ENTRY_WORDS.rule, SEGMENTS),
    issuerRule: new SegmentedTable(ENTRY_WORDS.issuerRule, SEGMENTS),
    claimsRule: new SegmentedTable(ENTRY_WORDS.claimsRule, SEGMENTS),
  }

  /**
   * The rule that revokes a token, because the token was issued (`iat`) before the rule's time. Allocates nothing if no rule
   * does, and looks nothing up in a table that is empty.
   *
   * @param sets the sets of claims that rules name
   */
  find(token: TokenIdentity, sets: readonly ClaimSet[]): MatchedRule | undefined {
    const { rule, issuerRule, claimsRule } = this.tables
    return (
      (rule.isEmpty ? undefined : this.#byName('rule', token, token.issuedAt)) ??
      (issuerRule.isEmpty ? undefined : this.#ofIssuer(token)) ??
      (claimsRule.isEmpty ? undefined : this.#byClaims(token, sets))
    )
  }

  #ofIssuer({ ofIssuer, issuers, issuedAt }: TokenIdentity): MatchedRule | undefined {
    for (const issuer of issuers)
      if (this.#revokes('issuerRule', issuer, issuedAt)) return { by: 'issuer', kind: 'issuerRule', ...issuer }
    return this.#byName('issuerRule', ofIssuer, issuedAt)
  }

  #byName(kind: 'rule' | 'issuerRule', names: IdentityNames, issuedAt: number): MatchedRule | undefined {
    const { subjects, sessions, clients } = names
    for (const subject of subjects)
      if (this.#revokes(kind, subject, issuedAt)) return { by: 'subject', kind, ...subject }
    for (const session of sessions)
      if (this.#revokes(kind, session, issuedAt)) return { by: 'session', kind, ...session }
    for (const client of clients) if (this.#revokes(kind, client, issuedAt)) return { by: 'client', kind, ...client }
    return undefined
  }

  #byClaims({ claims, issuedAt }: TokenIdentity, sets: readonly ClaimSet[]): MatchedRule | undefined {
    for (const values of claims.of(sets))
      if (this.#revokes('claimsRule', values, issuedAt)) return { by: 'claims', kind: 'claimsRule', ...values }
    return undefined
  }

  #revokes(kind: MatchedRule['kind'], { hi, lo }: Fingerprint, issuedAt: number): boolean {
    const segment = this.tables[kind].segmentOf(lo)
    const at = segment.find(hi, lo)
    return at >= 0 && readRevokedBefore(segment.words, at) > issuedAt
  }
}
