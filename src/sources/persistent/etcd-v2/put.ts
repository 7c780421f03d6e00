import type { RevocationRecord } from '../../../revocation/index.js'
import { StoreError } from '../../source.js'
import {
  isPlainToken,
  readRecord,
  readToken,
  recordsPrefix,
  saysAsMuch,
  secondsToKeep,
  type WrittenRecord,
  writeEncodedToken,
  writeRecord,
} from '../etcd/records.js'
import { ERROR, errorCode, statusError } from './error.js'
import { canBeKey, keyPath } from './keys.js'
import type { EtcdV2 } from './store.js'

/** Another gateway may write the same key at the same time; more often than this in a row it does not. */
const MAX_ATTEMPTS = 5
const MAX_ANSWER = 4 * 1024 * 1024

/**
 * Writes a record with a `ttl` that ends with the token, unless the key already says as much for as long.
 * A key without a `ttl` stays for ever, and is left alone when it is a token's.
 */
export async function putRecord(
  etcd: EtcdV2,
  prefix: string,
  record: RevocationRecord,
  retention: number,
): Promise<void> {
  const ttl = secondsToKeep(record, Date.now(), retention)
  const plain = !isPlainToken(record) || canBeKey(record.id)
  const written = plain ? writeRecord(record) : writeEncodedToken(record)
  if ((await write(etcd, prefix, record, written, ttl)) === 'no key') {
    // A directory has that name, since somebody set a key below it.
    await write(etcd, prefix, record, writeEncodedToken(record), ttl)
  }
}

async function write(
  etcd: EtcdV2,
  prefix: string,
  record: RevocationRecord,
  { place, rest, value }: WrittenRecord,
  ttl: number,
): Promise<'written' | 'no key'> {
  const { connection, timeout } = etcd
  const path = keyPath((place === 'tokens' ? prefix : recordsPrefix(prefix)) + rest)
  const limits = { timeout, maxBytes: MAX_ANSWER }
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const found = await connection.call({ ...limits, path: `${path}?quorum=true` })
    if (found.status !== 200 && errorCode(found.json) !== ERROR.KEY_NOT_FOUND) {
      if (errorCode(found.json) === ERROR.NOT_A_DIRECTORY) return 'no key'
      throw statusError(found.server, found.status)
    }
    const node = found.status === 200 ? nodeOf(found.json) : undefined
    if (node?.dir === true) return 'no key'
    if (node !== undefined) {
      const current = typeof node.value === 'string' ? node.value : ''
      if (record.kind === 'token' && node.ttl === undefined) return 'written'
      // A `ttl` that somebody else chose may end before the token does.
      const existing = (place === 'tokens' ? readToken : readRecord)(rest, current, Date.now())
      if (current.startsWith('{') && saysAsMuch(existing, record)) return 'written'
    }
    const unchanged = node === undefined ? 'prevExist=false' : `prevIndex=${Number(node.modifiedIndex)}`
    const body = new URLSearchParams({ value, ttl: String(ttl) }).toString()
    const answer = await connection.call({ ...limits, path: `${path}?${unchanged}`, method: 'PUT', body })
    if (answer.status === 200 || answer.status === 201) return 'written'
    const code = errorCode(answer.json)
    if (code === ERROR.NOT_A_FILE || code === ERROR.NOT_A_DIRECTORY) return 'no key'
    const raced = code === ERROR.COMPARE_FAILED || code === ERROR.KEY_EXISTS || code === ERROR.KEY_NOT_FOUND
    if (!raced) throw statusError(answer.server, answer.status)
  }
  throw new StoreError('ERR_STORE_STATUS', 'etcd: other writers kept changing the key')
}

function nodeOf(json: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof json !== 'object' || json === null || !('node' in json)) return undefined
  const { node } = json
  return typeof node === 'object' && node !== null ? (node as Readonly<Record<string, unknown>>) : undefined
}
