export {
  decodeEntries,
  ENTRY_WORDS,
  type Entry,
  type EntryBlock,
  encodeEntries,
  type RuleEntry,
  type TokenEntry,
} from './entry.js'
export { keptUntil, type Retention } from './retention.js'
export { RevocationList, type RevocationListOptions } from './revocation-list.js'
export { SourceNames } from './sources.js'
export { sweepExpired } from './sweeping.js'
