import type { Secret } from '../../../config/index.js'
import { type Logger, type Logging, silent } from '../../../logging/index.js'
import type { PersistentStore, RevocationSink } from '../../source.js'
import { CombinedWatch } from '../etcd/combined-watch.js'
import type { EtcdEndpoint } from '../etcd/endpoint.js'
import { bothReports, countUnreadable, type EtcdMalformed, etcdMalformed } from '../etcd/malformed.js'
import { recordsPrefix } from '../etcd/records.js'
import type { Revisions } from '../etcd/revisions.js'
import type { EtcdV2AlongsideV3 } from '../etcd-v2/alongside-v3.js'
import { type ConnectionOptions, EtcdConnection } from './connection.js'
import { isMark, type KeyRange, keyRanges } from './keys.js'
import { Leases } from './leases.js'
import { type Listed, type ListingSource, listAll, listSince } from './listing.js'
import { Login } from './login.js'
import { type Position, Survey } from './position.js'
import { putRecord } from './put.js'
import { watchRanges } from './watch.js'

export interface EtcdV3Options {
  readonly endpoint: EtcdEndpoint
  /** A login; none if empty or absent. */
  readonly username?: string
  readonly password?: Secret
  /** PEM certificates that are trusted beside the public authorities. */
  readonly ca?: readonly string[]
  /** PEM of a client certificate and its key, for a server that asks for one. */
  readonly cert?: string
  readonly key?: string
  /** Milliseconds that any call may take; a listing is many calls. Default 5 s. */
  readonly timeout?: number
  /** Milliseconds after which a silent server is asked whether it is there. Default 10 s; etcd refuses less than 5 s. */
  readonly keepAlive?: number
  /** Milliseconds between two confirmations that the watch misses nothing. Default 5 s. */
  readonly confirmEvery?: number
  /** Milliseconds that a revocation whose end is unknown is kept in the store. Default 30 days. */
  readonly retention?: number
  /** Epoch ms, no later than the real time as far as known: leases are counted from it. Default: the clock. */
  readonly notAfter?: () => number
  /** The v2 API of the same servers, which is looked at, too. */
  readonly v2?: EtcdV2AlongsideV3
  readonly logging?: Logging
}

const TIMEOUT = 5_000
const KEEP_ALIVE = 10_000
const RETENTION = 30 * 24 * 3_600_000

/**
 * etcd by its v3 API: lists the prefix at one revision, watches it from the next, and puts with leases that end with
 * the token. Deletions are ignored: a lease's end un-revokes nothing, and neither does an operator.
 * What keys and values look like: `etcd/records.ts`.
 */
export function etcdV3Store(options: EtcdV3Options): PersistentStore {
  const { endpoint, retention = RETENTION, notAfter = Date.now, confirmEvery } = options
  const log = (options.logging ?? silent)('TokenRevocation')
  const connect: ConnectionOptions = {
    timeout: TIMEOUT,
    keepAlive: KEEP_ALIVE,
    ...options,
    servers: endpoint.servers,
    login: new Login({ ...options, log }),
  }
  const connection = new EtcdConnection(connect)
  const leases = new Leases(connection)
  const ranges = keyRanges(endpoint.prefix)
  const revisions: Revisions = { listed: undefined, watched: undefined, missed: undefined }
  let warned = false
  const unreadable = () => {
    if (!warned) log.warn(`etcd user may not read ${recordsPrefix(endpoint.prefix)}: rules there have no effect`)
    warned = true
  }
  const listed = warnOfNothing(endpoint.prefix, log)
  const malformed = etcdMalformed(log)
  const watched = ranges.map((range) => counting(range, malformed))
  const watch = (sink: RevocationSink, signal: AbortSignal) =>
    watchRanges({ connect, ranges: watched, revisions, confirmEvery, unreadable }, sink, signal)
  const { v2 } = options
  const { prefix } = endpoint
  const source: ListingSource = { connection, prefix, ranges, revisions, unreadable, malformed, listed, v2 }
  let position: Position | undefined
  return {
    name: 'etcd',
    list(signal, context) {
      const survey = new Survey()
      const read = ({ cluster, revision }: Listed) => {
        position = revision === undefined ? undefined : survey.position(cluster, revision, prefix, v2?.inUse === true)
      }
      return listAll(source, survey, read, signal, (records) => context?.expects?.(records))
    },
    position: () => position,
    catchUp: (from, heard, signal) => listSince(source, from, heard, signal),
    watch: v2 === undefined ? watch : (sink, signal) => watchBoth(watch, v2, sink, signal),
    put: (record) => putRecord({ connection, leases, prefix, retention, notAfter }, record),
    malformed: () => bothReports(malformed.report(), v2?.malformed()),
    close: () => connection.close(),
  }
}

async function watchBoth(
  watchV3: (sink: RevocationSink, signal: AbortSignal) => Promise<void>,
  v2: EtcdV2AlongsideV3,
  sink: RevocationSink,
  signal: AbortSignal,
): Promise<void> {
  const joined = new CombinedWatch(sink)
  await Promise.all([watchV3(joined.join().sink, signal), v2.follow(joined, signal)])
}

/** The same range, whose keys are counted that can't be read. */
function counting(range: KeyRange, malformed: EtcdMalformed): KeyRange {
  const read: KeyRange['read'] = (key, value, now) => {
    const record = range.read(key, value, now)
    if (record === undefined && !isMark(range, key, value)) countUnreadable(malformed, range.name)
    return record
  }
  return { ...range, read }
}

/** A wrong prefix looks like an empty store: warns once, until there are keys. */
function warnOfNothing(prefix: string, log: Logger): (count: number) => void {
  let warned = false
  return (count) => {
    if (count === 0 && !warned) {
      log.warn(`etcd has no keys under ${prefix}: check the prefix in endpointURL`)
    }
    warned = count === 0
  }
}
