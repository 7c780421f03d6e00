import { StoreError } from '../store-error.js'

export interface KeyValue {
  readonly key: Buffer
  readonly value: Buffer
}

/** One answer of etcd to a limited range. */
export interface Page {
  /** The first keys of the range, in order. */
  readonly keys: readonly KeyValue[]
  /** Whether the range has more. */
  readonly more: boolean
  /** How many keys the range has, those of this page included. */
  readonly count: number
}

export type ReadPage = (start: Buffer, end: Buffer, limit: number) => Promise<Page>

/** Keys of a page: decoding this many of 100 bytes takes about 10 ms. */
const MAX_LIMIT = 2_000
const FIRST_LIMIT = 200
/** Bytes that a page should have: far below gRPC's limit of 4 MB. */
const PAGE_BYTES = 512 * 1024
/** A range is narrowed when it has more than this many pages, since etcd counts all of its keys for each of them. */
const PAGES_OF_A_RANGE = 4

/**
 * Reads all keys from `start` up to `end` in order, a page at a time.
 *
 * etcd 3.4 counts the keys that remain in the range for each page of it, which makes plain paging quadratic: minutes
 * for a million keys. So each request asks only for the keys that share the first `depth` bytes of the one it has come to,
 * and `depth` follows what is found: deeper while ranges are many pages long, shallower while they are nearly empty.
 */
export async function* readRange(start: Buffer, end: Buffer, read: ReadPage): AsyncIterable<readonly KeyValue[]> {
  let at = start
  let depth = start.length
  let limit = FIRST_LIMIT
  while (at.compare(end) < 0) {
    const shared = Math.min(depth, at.length)
    const upTo = siblingEnd(at, shared, end)
    const { keys, more, count } = await read(at, upTo, limit)
    const last = keys.at(-1)
    if (last !== undefined) yield keys
    if (!more) {
      at = upTo
      if (keys.length < limit / 4) depth = Math.max(start.length, depth - 1)
    } else {
      if (last === undefined || last.key.compare(at) < 0) throw outOfOrder()
      at = Buffer.concat([last.key, Buffer.of(0)])
      if (count > limit * PAGES_OF_A_RANGE)
        depth = Math.max(shared + 1, sharedBytes(keys[0]?.key ?? last.key, last.key))
    }
    limit = nextLimit(keys, limit)
  }
}

/** The end of the keys that share the first `length` bytes of `key`, or `end` if it comes first. */
export function siblingEnd(key: Buffer, length: number, end: Buffer): Buffer {
  for (let last = length - 1; last >= 0; last--) {
    const byte = key[last] ?? 0
    if (byte === 0xff) continue
    const next = Buffer.from(key.subarray(0, last + 1))
    next[last] = byte + 1
    return next.compare(end) < 0 ? next : end
  }
  return end
}

function sharedBytes(a: Buffer, b: Buffer): number {
  const longest = Math.min(a.length, b.length)
  for (let at = 0; at < longest; at++) if (a[at] !== b[at]) return at
  return longest
}

function nextLimit(keys: readonly KeyValue[], limit: number): number {
  if (keys.length === 0) return limit
  let bytes = 0
  for (const { key, value } of keys) bytes += key.length + value.length
  return Math.max(1, Math.min(MAX_LIMIT, limit * 4, Math.floor((PAGE_BYTES * keys.length) / bytes)))
}

function outOfOrder(): StoreError {
  return new StoreError('ERR_STORE_ANSWER', 'etcd answered with keys that were not asked for')
}
