import { StoreError } from '../../source.js'

export interface KeyValue {
  readonly key: Buffer
  readonly value: Buffer
  /** The revision that set it last, as a decimal number. */
  readonly mod_revision: string
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
  const walk = new Walk(start, end)
  let reading = readAhead(walk, read)
  while (reading !== undefined) {
    const page = await reading
    walk.advance(page)
    reading = readAhead(walk, read) // etcd looks for the next page while this one is used
    if (page.keys.length > 0) yield page.keys
  }
}

function readAhead(walk: Walk, read: ReadPage): Promise<Page> | undefined {
  const { at, upTo, limit } = walk
  if (at.compare(walk.end) >= 0) return undefined
  const page = read(at, upTo, limit)
  page.catch(() => undefined) // the consumer may stop before it is needed
  return page
}

/** Where the reading of a range has come to, and what to ask for next. */
class Walk {
  readonly #start: Buffer
  readonly end: Buffer
  at: Buffer
  limit = FIRST_LIMIT
  #depth: number

  constructor(start: Buffer, end: Buffer) {
    this.#start = start
    this.end = end
    this.at = start
    this.#depth = start.length
  }

  get upTo(): Buffer {
    return siblingEnd(this.at, this.#shared, this.end)
  }

  /** Goes on behind the page that was read from `at` up to `upTo`. */
  advance({ keys, more, count }: Page): void {
    const { at, limit } = this
    const shared = this.#shared
    const last = keys.at(-1)
    if (!more) {
      this.at = this.upTo
      if (keys.length < limit / 4) this.#depth = Math.max(this.#start.length, this.#depth - 1)
    } else {
      if (last === undefined || last.key.compare(at) < 0) throw outOfOrder()
      this.at = Buffer.concat([last.key, Buffer.of(0)])
      const deeper = Math.max(shared + 1, sharedBytes(keys[0]?.key ?? last.key, last.key))
      if (count > limit * PAGES_OF_A_RANGE) this.#depth = deeper
    }
    this.limit = nextLimit(keys, limit)
  }

  get #shared(): number {
    return Math.min(this.#depth, this.at.length)
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

/** How many bytes two keys have in common at their beginnings. */
export function sharedBytes(a: Buffer, b: Buffer): number {
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
  return new StoreError('ERR_STORE_ANSWER', 'etcd answered with keys that were not requested')
}
