import type { JSONValue, RevocationRecord } from '../../../revocation/index.js'
import { startTimeSlice } from '../../../time/index.js'
import { PositionLost } from '../../source.js'
import { countUnreadable, type EtcdMalformed } from '../etcd/malformed.js'
import { noteListing, type Revisions } from '../etcd/revisions.js'
import type { EtcdV2AlongsideV3 } from '../etcd-v2/alongside-v3.js'
import type { EtcdConnection } from './connection.js'
import { failureOf } from './error.js'
import { readHistory } from './history.js'
import { isMark, type KeyRange } from './keys.js'
import { isAnchor, oldestAnchor, type Position, partsOf, readPosition, type Survey } from './position.js'
import { type KeyValue, type Page, type ReadPage, readRange } from './range.js'

/** What is listed. */
export interface ListingSource {
  readonly connection: EtcdConnection
  readonly prefix: string
  readonly ranges: readonly KeyRange[]
  readonly revisions: Revisions
  readonly v2: EtcdV2AlongsideV3 | undefined
  /** The user may read the tokens, but not the records beside them. */
  unreadable(): void
  readonly malformed: EtcdMalformed
  /** Told of how many records there are. */
  listed(count: number): void
}

/** What a listing was of; no revision where it had to go on at a newer one than it began with. */
export interface Listed {
  readonly cluster: string
  readonly revision: string | undefined
}

/** A listing goes on at a newer revision when its own is compacted away; this often is a sign of trouble. */
const MAX_COMPACTIONS = 10
/** Parts that etcd looks through at a time for what is new in them. */
const PARTS_AT_ONCE = 4
const PAGE = 2_000

/**
 * All that there is at one revision; the v2 API's keys, too. Calls `expects` with how many keys there are as it learns of them,
 * and `read` when that was all.
 */
export async function* listAll(
  source: ListingSource,
  survey: Survey,
  read: (listed: Listed) => void,
  signal: AbortSignal,
  expects: (records: number) => void = () => undefined,
): AsyncIterable<RevocationRecord> {
  const pages = new Pages(source, signal)
  const slice = startTimeSlice()
  const now = Date.now()
  const listV2 = source.v2?.look(signal)
  const malformed = source.malformed.listing()
  let count = 0
  let expected = 0
  for (const range of source.ranges) {
    let index = 0
    let isFirst = true
    const readPage: ReadPage = async (...given) => {
      const page = await pages.read(...given)
      if (!isFirst) return page
      isFirst = false
      expected += page.count // the first page is asked of the whole range
      expects(expected)
      return page
    }
    try {
      for await (const keys of readRange(range.start, range.end, readPage)) {
        survey.take(range, keys)
        for (const { key, value } of keys) {
          const record = range.read(key, value, now)
          if (record !== undefined) {
            count++
            yield record
          } else if (!isMark(range, key, value)) countUnreadable(malformed, range.name, index)
          index++
          if (slice.isOver()) await slice.yield()
        }
      }
    } catch (error) {
      outOfReach(source, range, error)
    }
  }
  if (listV2 !== undefined) {
    for await (const record of listV2()) {
      count++
      yield record
    }
  }
  malformed.end()
  source.listed(count)
  read({ cluster: pages.cluster, revision: pages.hasMoved ? undefined : pages.revision })
}

/**
 * What was put since the newest of the position's anchors, if need be since the oldest, and all of the v2 API's keys. Throws
 * {@link PositionLost} when that does not make up, with what was there at the position, for all that there is. Calls
 * `heard` with each answer, which mostly holds nothing.
 */
export async function* listSince(
  source: ListingSource,
  from: JSONValue,
  heard: () => void,
  signal: AbortSignal,
): AsyncIterable<RevocationRecord> {
  const position = readPosition(from)
  if (position === undefined || position.prefix !== source.prefix) throw new PositionLost('it is of another store')
  const listV2 = source.v2?.look(signal, position.v2)
  const pages = new Pages(source, signal)
  await pages.begin()
  if (pages.cluster !== position.cluster) throw new PositionLost('it is of another etcd cluster')
  if (Number(pages.revision) < position.revision) throw new PositionLost('etcd has gone back since')
  try {
    yield* readHistory(source, position, heard, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof PositionLost) throw error
    yield* readModified(source, position, pages, heard)
  }
  if (listV2 !== undefined) yield* listV2()
}

/** The same without the history, from all keys that there are: etcd looks through them, and leaves out what is older. */
async function* readModified(
  source: ListingSource,
  position: Position,
  pages: Pages,
  heard: () => void,
): AsyncIterable<RevocationRecord> {
  let isSameHistory = false
  const now = Date.now()
  for (const range of source.ranges) {
    try {
      for await (const { key, value, mod_revision } of modifiedSince(range, position, pages, heard)) {
        isSameHistory ||= isAnchor(position, { key, value, mod_revision })
        const record = range.read(key, value, now)
        if (record !== undefined) yield record
      }
    } catch (error) {
      outOfReach(source, range, error)
    }
  }
  if (!isSameHistory) throw new PositionLost('the keys that were the newest then are not in etcd any more')
}

/** Looks through a directory part by part, some of them at a time. */
async function* modifiedSince(
  range: KeyRange,
  position: Position,
  pages: Pages,
  heard: () => void,
): AsyncIterable<KeyValue> {
  const slice = startTimeSlice()
  const since = oldestAnchor(position)
  const parts = partsOf(position, range).map(({ start, end }) => async () => {
    const found: KeyValue[] = []
    for (let at = start; ; ) {
      const { keys, more } = await pages.read(at, end, PAGE, since)
      heard()
      found.push(...keys)
      const last = keys.at(-1)
      if (!more || last === undefined) return found
      at = Buffer.concat([last.key, Buffer.of(0)])
    }
  })
  const underWay: Promise<KeyValue[]>[] = []
  const ahead = () => {
    const begun = parts.shift()?.()
    begun?.catch(() => undefined) // the consumer may stop before it is needed
    if (begun !== undefined) underWay.push(begun)
  }
  for (let n = 0; n < PARTS_AT_ONCE; n++) ahead()
  for (let next = underWay.shift(); next !== undefined; next = underWay.shift()) {
    const keys = await next
    ahead()
    for (const key of keys) {
      yield key
      if (slice.isOver()) await slice.yield()
    }
  }
}

/** A user who was given the tokens' prefix only, as etcd's own guide has it, can still list those. */
function outOfReach({ unreadable }: ListingSource, range: KeyRange, error: unknown): void {
  if (range.name === 'tokens' || failureOf(error) !== 'permission') throw error
  unreadable()
}

/** Reads pages at the revision of the first one, which it notes for the watch; at a later one when that is compacted away. */
class Pages {
  readonly #source: ListingSource
  readonly #signal: AbortSignal
  #revision: string | undefined
  #compactions = 0
  cluster = ''

  constructor(source: ListingSource, signal: AbortSignal) {
    this.#source = source
    this.#signal = signal
  }

  get revision(): string | undefined {
    return this.#revision
  }

  /** Its first revision was compacted away. */
  get hasMoved(): boolean {
    return this.#compactions > 0
  }

  /** Learns the revision. */
  async begin(): Promise<void> {
    const start = this.#source.ranges[0]?.start ?? Buffer.of(0)
    await this.read(start, Buffer.concat([start, Buffer.of(0)]), 1)
  }

  /** @param since leaves out what was modified before this revision */
  async read(start: Buffer, end: Buffer, limit: number, since = 0): Promise<Page> {
    const { connection, revisions } = this.#source
    for (let size = limit; ; ) {
      const revision = this.#revision
      const request = { key: start, range_end: end, limit: size, revision: revision ?? 0, min_mod_revision: since }
      try {
        const { header, kvs, more, count } = await connection.call((etcd) => etcd.kv.range(request), this.#signal)
        // Of a later one the keys are not read that stand before where it goes on.
        if (this.#revision === undefined && !this.hasMoved) noteListing(revisions, BigInt(header.revision))
        this.#revision ??= header.revision
        this.cluster = header.cluster_id
        return { keys: kvs, more, count: Number(count) }
      } catch (error) {
        const failure = failureOf(error)
        if (failure === 'too-long' && size > 1) size = Math.max(1, size >> 3)
        else if (failure === 'compacted' && this.#compactions++ < MAX_COMPACTIONS) {
          if (this.#revision === revision) this.#revision = undefined
        } else throw error
      }
    }
  }
}
