import type { IKeyValue, IRequestOp } from 'etcd3'
import type { RevocationRecord } from '../../../revocation/index.js'
import { StoreError } from '../../source.js'
import { type Existing, joined } from '../etcd/join.js'
import { AS_WRITTEN, readRecord, readToken, recordsPrefix, type WrittenRecord, writeRecord } from '../etcd/records.js'
import type { EtcdConnection } from './connection.js'
import { type KeyLease, type Leases, NO_LEASE } from './leases.js'

/** What records are put to. */
export interface PutTarget {
  readonly connection: EtcdConnection
  readonly leases: Leases
  readonly prefix: string
  /** Milliseconds that a record of unknown end is kept. */
  readonly retention: number
  /** Epoch ms, no later than the real time as far as known. */
  readonly notAfter: () => number
}

/** Another gateway may write the same key at the same time; more often than this in a row it does not. */
const MAX_ATTEMPTS = 5
/** etcd's numbers; the names that etcd3 declares for them are not those that it sends. */
const EQUAL = 0
const MODIFIED_AT = 2

/**
 * Joins a record into what its key says (`etcd/join.ts`). Its lease ends when no gateway accepts the token any more: a longer
 * one stays, and a key without one stays for ever.
 */
export async function putRecord(target: PutTarget, record: RevocationRecord): Promise<void> {
  const written = writeRecord(record)
  const key = (written.place === 'tokens' ? target.prefix : recordsPrefix(target.prefix)) + written.rest
  await target.leases.forKey(key, (lease) => write(target, Buffer.from(key), record, written, lease))
}

async function write(
  { connection, leases, retention, notAfter }: PutTarget,
  key: Buffer,
  record: RevocationRecord,
  written: WrittenRecord,
  lease: KeyLease,
): Promise<void> {
  const now = notAfter()
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const { kvs } = await connection.call((etcd) => etcd.kv.range({ key }))
    const found: IKeyValue | undefined = kvs[0]
    const existing = found && existingOf(written, found.value, await leases.left(found.lease))
    const all = joined(existing, record, now, retention)
    if (all === undefined) return
    const id = all.isKept ? (found?.lease ?? NO_LEASE) : await lease.id(all.ttl, all.needed)
    const put: IRequestOp = { request_put: { key, value: Buffer.from(writeRecord(all.record).value), lease: id } }
    const unchanged = { target: MODIFIED_AT, result: EQUAL, key, mod_revision: found?.mod_revision ?? 0 } as const
    const { succeeded } = await connection.call((etcd) =>
      lease.write(id, () => etcd.kv.txn({ compare: [unchanged], success: [put] })),
    )
    if (succeeded) return
  }
  throw new StoreError('ERR_STORE_STATUS', 'etcd: other writers kept changing the key')
}

function existingOf({ place, rest }: WrittenRecord, value: Buffer, left: number): Existing {
  const read = place === 'tokens' ? readToken : readRecord
  return { record: read(rest, value.toString('latin1'), AS_WRITTEN), left }
}
