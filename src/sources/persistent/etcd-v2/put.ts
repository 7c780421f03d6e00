import type { RevocationRecord } from '../../../revocation/index.js'
import { StoreError } from '../../source.js'
import { type Existing, joined } from '../etcd/join.js'
import {
  AS_WRITTEN,
  isPlainToken,
  readRecord,
  readToken,
  recordsPrefix,
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
 * Joins a record into what its key says (`etcd/join.ts`). Its `ttl` ends when no gateway accepts the token any more: a longer
 * one stays, and a key without one stays for ever.
 *
 * @param retention ms that a record of unknown end is kept
 * @param now epoch ms, no later than the real time
 */
export async function putRecord(
  etcd: EtcdV2,
  prefix: string,
  record: RevocationRecord,
  retention: number,
  now: number,
): Promise<void> {
  const plain = !isPlainToken(record) || canBeKey(record.id)
  const put = { etcd, prefix, record, retention, now }
  if ((await write({ ...put, encode: plain ? writeRecord : writeEncodedToken })) === 'no key') {
    // A directory has that name, since somebody set a key below it.
    await write({ ...put, encode: writeEncodedToken })
  }
}

interface Put {
  readonly etcd: EtcdV2
  readonly prefix: string
  readonly record: RevocationRecord
  readonly encode: (record: RevocationRecord) => WrittenRecord
  readonly retention: number
  readonly now: number
}

async function write({ etcd, prefix, record, encode, retention, now }: Put): Promise<'written' | 'no key'> {
  const { connection, timeout } = etcd
  const { place, rest } = encode(record)
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
    const all = joined(node && existingOf(node, place, rest), record, now, retention)
    if (all === undefined) return 'written'
    const unchanged = node === undefined ? 'prevExist=false' : `prevIndex=${Number(node.modifiedIndex)}`
    const ttl = all.ttl === Number.POSITIVE_INFINITY ? {} : { ttl: String(all.ttl) }
    const body = new URLSearchParams({ value: encode(all.record).value, ...ttl }).toString()
    const answer = await connection.call({ ...limits, path: `${path}?${unchanged}`, method: 'PUT', body })
    if (answer.status === 200 || answer.status === 201) return 'written'
    const code = errorCode(answer.json)
    if (code === ERROR.NOT_A_FILE || code === ERROR.NOT_A_DIRECTORY) return 'no key'
    const raced = code === ERROR.COMPARE_FAILED || code === ERROR.KEY_EXISTS || code === ERROR.KEY_NOT_FOUND
    if (!raced) throw statusError(answer.server, answer.status)
  }
  throw new StoreError('ERR_STORE_STATUS', 'etcd: other writers kept changing the key')
}

type Node = Readonly<Record<string, unknown>>

function existingOf({ value, ttl }: Node, place: WrittenRecord['place'], rest: string): Existing {
  const read = place === 'tokens' ? readToken : readRecord
  return {
    record: read(rest, typeof value === 'string' ? value : '', AS_WRITTEN),
    left: typeof ttl === 'number' ? ttl : Number.POSITIVE_INFINITY,
  }
}

function nodeOf(json: unknown): Node | undefined {
  if (typeof json !== 'object' || json === null || !('node' in json)) return undefined
  const { node } = json
  return typeof node === 'object' && node !== null ? (node as Node) : undefined
}
