import { add, addHistogram, type Samples } from '../metrics/index.js'
import type { GrowingCounts } from './growing-counts.js'
import type { Revocations, RevocationsState } from './revocations.js'

const SOURCE_STATES = ['connecting', 'live', 'gap', 'failed'] as const

/**
 * Adds what the state of the list, its sources, the journal and the write-back comes to in metrics.
 *
 * @param malformed the same at each call
 */
export function addRevocations(
  samples: Samples,
  state: RevocationsState,
  lag: Revocations['realtimeLag'],
  malformed: GrowingCounts,
): void {
  addList(samples, state)
  for (const source of state.sources) addSource(samples, source, malformed)
  if (lag !== undefined) addHistogram(samples, 'mgw_source_lag_seconds', [lag.source], lag.lag)
  addListings(samples, state)
  addJournal(samples, state)
  const { writeBack } = state
  if (writeBack === undefined) return
  add(samples, 'mgw_write_back_waiting', [], writeBack.waiting)
  add(samples, 'mgw_write_back_written_total', [], writeBack.written)
  add(samples, 'mgw_write_back_failures_total', [], writeBack.failed)
  add(samples, 'mgw_write_back_dropped_total', [], writeBack.dropped)
}

function addList(samples: Samples, { known, list }: RevocationsState): void {
  add(samples, 'mgw_revocation_list_known', [], Number(known))
  for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
    add(samples, 'mgw_revocation_list_entries', [KINDS[kind]], list.kinds[kind])
  }
  add(samples, 'mgw_revocation_list_bytes', [], list.bytes)
  add(samples, 'mgw_revocation_list_swept_total', [], list.swept)
  add(samples, 'mgw_revocation_list_sweeps_total', [], list.sweeps)
}

/** Labels' values are in Prometheus' case. */
const KINDS: Readonly<Record<keyof RevocationsState['list']['kinds'], string>> = {
  token: 'token',
  issuerToken: 'issuer_token',
  foldedToken: 'folded_token',
  rule: 'rule',
  issuerRule: 'issuer_rule',
  claimsRule: 'claims_rule',
}

function addSource(samples: Samples, source: RevocationsState['sources'][number], counts: GrowingCounts): void {
  const { name, role, status, since, revocations, lastRevocationAt, malformed = {} } = source
  for (const each of SOURCE_STATES) add(samples, 'mgw_source_state', [name, role, each], Number(each === status))
  add(samples, 'mgw_source_state_timestamp_seconds', [name, role], since / 1000)
  for (const [reason, count] of Object.entries(malformed)) {
    const total = counts.grow(JSON.stringify([name, role, reason]), count)
    add(samples, 'mgw_source_malformed_total', [name, role, reason], total)
  }
  if (role === 'store') return
  add(samples, 'mgw_source_revocations_total', [name, role], revocations)
  if (lastRevocationAt === undefined) return
  add(samples, 'mgw_source_last_revocation_timestamp_seconds', [name, role], lastRevocationAt / 1000)
}

function addListings(samples: Samples, { sources, listings }: RevocationsState): void {
  const store = sources.find(({ role }) => role === 'store')?.name
  if (listings === undefined || store === undefined) return
  const { succeeded, failed, last } = listings
  add(samples, 'mgw_source_listings_total', [store, 'succeeded'], succeeded)
  add(samples, 'mgw_source_listings_total', [store, 'failed'], failed)
  if (last === undefined) return
  add(samples, 'mgw_source_last_listing_timestamp_seconds', [store], last.at / 1000)
  add(samples, 'mgw_source_last_listing_duration_seconds', [store], last.ms / 1000)
  add(samples, 'mgw_source_last_listing_revocations', [store], last.records)
}

function addJournal(samples: Samples, { journal }: RevocationsState): void {
  if (!journal.enabled) return
  add(samples, 'mgw_journal_bytes', [], journal.bytes)
  add(samples, 'mgw_journal_waiting_entries', [], journal.waiting)
  add(samples, 'mgw_journal_writable', [], Number(journal.error === undefined))
  add(samples, 'mgw_journal_damages', [], journal.damage?.length ?? 0)
}
