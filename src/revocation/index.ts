export { decodeEntries, type Entry, type EntryBlock, encodeEntries } from './entry.js'
export { type LiveRevocations, RealtimeStatus, type Revocation, type RevocationLookup } from './lookup.js'
export {
  expiryInstant,
  instant,
  type JSONValue,
  MAX_RECORD_ID_LENGTH,
  type Revocable,
  type RevocationRecord,
  type RuleRevocation,
  revocable,
  type TokenRevocation,
} from './record.js'
export type { Retention } from './retention.js'
export { RevocationList } from './revocation-list.js'
export type { SourceNames } from './source-names.js'
export { sweepExpired } from './sweeping.js'
export { type UnconfirmedCode, UnconfirmedRevocation } from './unconfirmed.js'
