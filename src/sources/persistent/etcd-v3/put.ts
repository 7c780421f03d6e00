import type { ICompare, IRequestOp } from 'etcd3'
import type { RevocationRecord } from '../../../revocation/index.js'
import { StoreError } from '../../source.js'
import { readRecord, readToken, recordsPrefix, saysAsMuch, secondsToKeep, writeRecord } from '../etcd/records.js'
import type { EtcdConnection } from './connection.js'

/** Another gateway may write the same key at the same time; more often than this in a row it does not. */
const MAX_ATTEMPTS = 5
/** etcd's numbers; the names that etcd3 declares for them are not those that it sends. */
const EQUAL = 0
const MODIFIED_AT = 2

/**
 * Writes a record with a lease that ends with the token, unless the key already says as much for as long.
 * A key without a lease stays for ever, and is left alone when it is a token's.
 */
export async function putRecord(
  connection: EtcdConnection,
  prefix: string,
  record: RevocationRecord,
  retention: number,
): Promise<void> {
  const now = Date.now()
  const ttl = secondsToKeep(record, now, retention)
  const { place, rest, value } = writeRecord(record)
  const key = Buffer.from((place === 'tokens' ? prefix : recordsPrefix(prefix)) + rest)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const { kvs } = await connection.call((etcd) => etcd.kv.range({ key }))
    const [found] = kvs
    if (found !== undefined) {
      const existing = (place === 'tokens' ? readToken : readRecord)(rest, found.value.toString('latin1'), now)
      if (record.kind === 'token' && found.lease === '0') return
      // A lease that somebody else chose may end before the token does.
      if (saysAsMuch(existing, record) && isOurs(found.value)) return
    }
    const lease = await connection.call((etcd) => etcd.leaseClient.leaseGrant({ TTL: ttl }))
    const unchanged: ICompare = { target: MODIFIED_AT, result: EQUAL, key, mod_revision: found?.mod_revision ?? 0 }
    const write: IRequestOp = { request_put: { key, value: Buffer.from(value), lease: lease.ID } }
    const revoke = () => connection.call((etcd) => etcd.leaseClient.leaseRevoke({ ID: lease.ID }))
    let succeeded: boolean
    try {
      ;({ succeeded } = await connection.call((etcd) => etcd.kv.txn({ compare: [unchanged], success: [write] })))
    } catch (error) {
      // Else each new attempt would leave a lease behind for as long as the token lives.
      await revoke().catch(() => undefined)
      throw error
    }
    if (succeeded) return
    await revoke()
  }
  throw new StoreError('ERR_STORE_STATUS', 'etcd: other writers kept changing the key')
}

function isOurs(value: Buffer): boolean {
  return value[0] === 0x7b // an opening brace
}
