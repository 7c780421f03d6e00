import type { RevocationRecord } from '../../../revocation/index.js'
import { PositionLost, type RevocationSink, StoreError } from '../../source.js'
import type { EtcdConnection } from './connection.js'
import { type KeyRange, MARK } from './keys.js'
import type { ListingSource } from './listing.js'
import { isAnchor, newestAnchor, type Position } from './position.js'
import { type WatchPlace, WatchStream } from './watch-stream.js'

/** Seconds that a mark stays: gateways that start at one time must not take away each other's. */
const MARK_TTL = 60
/** Milliseconds without a word from etcd, which reads what is asked for from its disk. */
const PATIENCE = 5_000

/**
 * What was put since the position, from etcd's history: that takes as long as there was much of it, however many keys
 * there are. A watch begins at the newest anchor, so that another history shows at once ({@link PositionLost}).
 *
 * A watch does not say when it has delivered all that was before it. So this puts a key that names no token (the
 * prefix itself), and has read everything when that comes along.
 *
 * Any other error means that the history can't be read, which says nothing of the position: it is compacted, or the
 * user may not write.
 */
export async function* readHistory(
  source: ListingSource,
  position: Position,
  heard: () => void,
  signal: AbortSignal,
): AsyncIterable<RevocationRecord> {
  const found: RevocationRecord[] = []
  let isSameHistory = false
  let wake: () => void = () => undefined
  const sink: RevocationSink = {
    revoked: (record) => void found.push(record),
    state: () => undefined,
    resync: () => undefined,
  }
  const stream = await WatchStream.open(source.connection, sink, source.unreadable, (keys) => {
    isSameHistory ||= keys.some((key) => isAnchor(position, key))
    heard()
    wake()
  })
  const abort = () => stream.close()
  signal.addEventListener('abort', abort, { once: true })
  try {
    const from = BigInt(newestAnchor(position))
    await stream.watch(
      source.ranges.map((range) => ({ range, from })),
      PATIENCE,
    )
    const marks = new Map<WatchPlace, bigint>()
    for (const place of stream.watched) marks.set(place, await putMark(source.connection, place.range, signal))
    const isBehind = () => [...marks].some(([place, mark]) => place.from === undefined || place.from <= mark)
    while (isBehind()) {
      const more = new Promise<void>((resolve) => {
        wake = resolve
      })
      if (isBehind()) await withinPatience(Promise.race([more, stream.ended]))
      yield* found.splice(0)
    }
    yield* found
    if (!isSameHistory) throw new PositionLost('the key that was the newest then is not in the history of etcd')
  } finally {
    signal.removeEventListener('abort', abort)
    stream.close()
  }
}

/** Returns the mark's revision. */
async function putMark(connection: EtcdConnection, { start: key }: KeyRange, signal: AbortSignal): Promise<bigint> {
  const lease = await connection.call((etcd) => etcd.leaseClient.leaseGrant({ TTL: MARK_TTL }), signal)
  const { header } = await connection.call((etcd) => etcd.kv.put({ key, value: MARK, lease: lease.ID }), signal)
  return BigInt(header.revision)
}

async function withinPatience(event: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new StoreError('ERR_STORE_UNREACHABLE', `etcd sent nothing of its history within ${PATIENCE} ms`)
    timer = setTimeout(() => reject(error), PATIENCE)
  })
  await Promise.race([event, late]).finally(() => clearTimeout(timer))
}
