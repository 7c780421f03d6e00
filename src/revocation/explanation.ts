import type { ClaimSet, Fingerprint, IdentityNames, TokenIdentity } from '../token/index.js'
import type { Entry, EntryKind } from './entry.js'
import type { Revocation } from './lookup.js'
import type { RevocationRecord } from './record.js'

/** What the list says under one name. */
export interface ListedName {
  /** What the name is; never its value. */
  readonly name: Revocation['by']
  /** Whether it is listed for tokens of the issuer alone, or of any. */
  readonly issuer: 'its own' | 'any'
  readonly listed: boolean
  /** Whether it revokes the token: a rule spares those issued later. */
  readonly revokes: boolean
  /** Absent if nothing is listed. */
  readonly record?: ListedRecord
}

/** What is known of an entry. Times are ISO 8601. */
export interface ListedRecord {
  /** Name of the source that delivered it first. */
  readonly source: string
  readonly learntAt: string
  /** Until when it is kept. */
  readonly keptUntil: string
  /** Of a rule: tokens issued before are revoked. */
  readonly revokedBefore?: string
}

/** A list as an explanation reads it. */
export interface ExplainedList {
  readonly sources: { name(index: number): string }
  readonly claimSets: { readonly all: readonly ClaimSet[] }
  entry(kind: EntryKind, name: Fingerprint): Entry | undefined
  entriesOf(record: RevocationRecord): Entry[]
}

/** All names under which a look-up asks for a token, in its order: the first that revokes is the reason for a refusal. */
export function explain(list: ExplainedList, token: TokenIdentity): ListedName[] {
  const rows: ListedName[] = []
  const look = (
    kind: EntryKind,
    issuer: ListedName['issuer'],
    name: ListedName['name'],
    names: readonly Fingerprint[],
  ) => {
    for (const each of names) rows.push(listedName(list, name, issuer, list.entry(kind, each), token.issuedAt))
  }
  const lookIds = (kind: EntryKind, issuer: ListedName['issuer'], { ids }: IdentityNames) => {
    for (const id of ids) look(kind, issuer, id.by, [id])
  }
  const lookRules = (kind: EntryKind, issuer: ListedName['issuer'], names: IdentityNames) => {
    look(kind, issuer, 'subject', names.subjects)
    look(kind, issuer, 'session', names.sessions)
    look(kind, issuer, 'client', names.clients)
  }
  lookIds('token', 'any', token)
  lookIds('issuerToken', 'its own', token.ofIssuer)
  look('foldedToken', 'any', 'token', token.folded)
  look('foldedToken', 'its own', 'token', token.ofIssuer.folded)
  lookRules('rule', 'any', token)
  look('issuerRule', 'its own', 'issuer', token.issuers)
  lookRules('issuerRule', 'its own', token.ofIssuer)
  look('claimsRule', 'any', 'claims', token.claims.of(list.claimSets.all))
  return rows
}

/** What is listed under the name of a record. */
export function listedUnder(list: ExplainedList, record: RevocationRecord): ListedRecord[] {
  return list.entriesOf(record).map((entry) => described(list, entry))
}

function listedName(
  list: ExplainedList,
  name: ListedName['name'],
  issuer: ListedName['issuer'],
  entry: Entry | undefined,
  issuedAt: number,
): ListedName {
  if (entry === undefined) return { name, issuer, listed: false, revokes: false }
  const revokes = !('revokedBefore' in entry) || entry.revokedBefore > issuedAt
  return { name, issuer, listed: true, revokes, record: described(list, entry) }
}

function described({ sources }: ExplainedList, entry: Entry): ListedRecord {
  return {
    source: sources.name(entry.source),
    learntAt: iso(entry.learntAt),
    keptUntil: iso(entry.keptUntil),
    ...('revokedBefore' in entry ? { revokedBefore: iso(entry.revokedBefore) } : {}),
  }
}

/** Beyond this no `Date` exists. */
const LAST_INSTANT = 8.64e15

function iso(moment: number): string {
  return new Date(Math.min(moment, LAST_INSTANT)).toISOString()
}
