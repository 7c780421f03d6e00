export type { Asker } from './asker.js'
export { TooManyClaimSets } from './claim-sets.js'
export { blocksOf, decodeEntries, ENTRY_KINDS, type Entry, type EntryBlock, type EntryKind } from './entry.js'
export { explain, type ListedName, type ListedRecord, listedUnder } from './explanation.js'
export { type LiveRevocations, RealtimeStatus, type Revocation, type RevocationLookup } from './lookup.js'
export {
  ALWAYS,
  type ClaimsRevocation,
  expiryInstant,
  type IssuerRevocation,
  instant,
  isIssuer,
  type JSONValue,
  MAX_CLAIM_VALUE_LENGTH,
  MAX_RECORD_ID_LENGTH,
  mayBeOf,
  type NameRevocation,
  NEVER,
  type Revocable,
  type RevocationRecord,
  type RuleRevocation,
  readClaims,
  readScope,
  redacted,
  revocable,
  type TokenRevocation,
} from './record.js'
export { LATEST_USE, type Retention } from './retention.js'
export { RevocationList } from './revocation-list.js'
export { sweepExpired } from './sweeping.js'
export { type UnconfirmedCode, UnconfirmedRevocation } from './unconfirmed.js'
