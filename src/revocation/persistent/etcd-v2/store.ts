import type { Dispatcher } from 'undici'
import type { Secret } from '../../../config/secret.js'
import { type Logging, silent } from '../../../logging/index.js'
import type { PersistentStore, RevocationRecord } from '../../record.js'
import type { EtcdEndpoint } from '../etcd-endpoint.js'
import { readRecord, readToken, recordsPrefix } from '../etcd-records.js'
import { noteListing, type Revisions } from '../etcd-revisions.js'
import { startPace } from '../pace.js'
import { Patience } from '../patience.js'
import { StoreError } from '../store-error.js'
import { ERROR, EtcdV2Connection, errorCode, isIdle, readJson, statusError, unreachable } from './connection.js'
import { keyPath, restOf } from './keys.js'
import { type Leaf, readListing } from './listing.js'
import { putRecord } from './put.js'
import { watchDirectories } from './watch.js'

export interface EtcdV2Options {
  readonly endpoint: EtcdEndpoint
  /** Basic authentication; none if empty or absent. */
  readonly username?: string
  readonly password?: Secret
  readonly client: Dispatcher
  /** Milliseconds that a call may take, but a listing. Default 5 s. */
  readonly timeout?: number
  /** Milliseconds until a listing must be read whole. Default 60 s. */
  readonly listTimeout?: number
  /** Milliseconds without a sign of a server after which it is left; more for one that needs more. Default 10 s. */
  readonly idleTimeout?: number
  /** Bytes that a listing may have. Default 1 GiB. */
  readonly maxBytes?: number
  /** Milliseconds that a watch waits for one answer: a frozen server is noticed within this and `timeout`. Default 10 s. */
  readonly pollTimeout?: number
  /** Milliseconds that a revocation whose end is unknown is kept in the store. Default 30 days. */
  readonly retention?: number
  readonly logging?: Logging
}

/** The keys of one directory, and what each of them says. */
export interface Directory {
  readonly name: 'tokens' | 'records'
  /** `jti/` */
  readonly path: string
  read(leaf: Leaf, now: number): RevocationRecord | undefined
}

/** What the parts of the store share. */
export interface EtcdV2 {
  readonly connection: EtcdV2Connection
  readonly directories: readonly Directory[]
  readonly timeout: number
  readonly pollTimeout: number
  /** Of listings. */
  readonly patience: Patience
  readonly revisions: Revisions
  /** The user may read the tokens, but not the records beside them. */
  unreadable(): void
}

const TIMEOUT = 5_000
const LIST_TIMEOUT = 60_000
const POLL_TIMEOUT = 10_000
const MAX_BYTES = 1024 ** 3
const RETENTION = 30 * 24 * 3_600_000

/**
 * etcd by its v2 API, as the seed's commands and WSO2 use it: lists the directory, watches it by long polls, and puts
 * with a `ttl` that ends with the token. Deletions and expirations are ignored: they un-revoke nothing.
 * What keys and values look like: `etcd-records.ts`. Throws {@link StoreError}.
 */
export function etcdV2Store(options: EtcdV2Options): PersistentStore {
  const { endpoint, timeout = TIMEOUT, listTimeout = LIST_TIMEOUT, maxBytes = MAX_BYTES } = options
  const log = (options.logging ?? silent)('TokenRevocation')
  let warned = false
  const etcd: EtcdV2 = {
    connection: new EtcdV2Connection({ ...options, servers: endpoint.servers }),
    directories: [directory('tokens', endpoint.prefix), directory('records', recordsPrefix(endpoint.prefix))],
    timeout,
    pollTimeout: options.pollTimeout ?? POLL_TIMEOUT,
    patience: new Patience(listTimeout, options.idleTimeout),
    revisions: { listed: undefined, watched: undefined, missed: undefined },
    unreadable() {
      if (!warned)
        log.warn(`the user of etcd may not read ${recordsPrefix(endpoint.prefix)}: rules there have no effect`)
      warned = true
    },
  }
  let authenticationKnown = !options.username
  async function* list(signal: AbortSignal): AsyncIterable<RevocationRecord> {
    if (!authenticationKnown && (await authenticationIsOff(etcd, signal))) {
      log.warn('etcd has authentication off: the configured user name is not used')
    }
    authenticationKnown = true
    for (const each of etcd.directories) yield* listDirectory(etcd, each, listTimeout, maxBytes, signal)
  }
  return {
    name: 'etcd',
    list,
    watch: (sink, signal) => watchDirectories(etcd, sink, signal),
    put: (record) => putRecord(etcd, endpoint.prefix, record, options.retention ?? RETENTION),
  }
}

async function* listDirectory(
  etcd: EtcdV2,
  { name, path, read }: Directory,
  timeout: number,
  maxBytes: number,
  signal: AbortSignal,
): AsyncIterable<RevocationRecord> {
  const ended = new AbortController() // frees the connection when the consumer stops, or the answer is not for us
  const { connection, patience } = etcd
  const now = Date.now()
  const pace = startPace()
  let server = ''
  try {
    const answer = await connection.open({
      path: `${keyPath(path)}?recursive=true&quorum=true`,
      timeout,
      patience,
      maxBytes,
      signal: AbortSignal.any([signal, ended.signal]),
    })
    server = answer.server
    if (name === 'tokens' && answer.index !== undefined) noteListing(etcd.revisions, BigInt(answer.index))
    if (answer.status === 404 && errorCode(await readJson(answer.body, server)) === ERROR.KEY_NOT_FOUND) return
    if (answer.status !== 200) throw statusError(server, answer.status)
    for await (const leaves of readListing(answer.body)) {
      for (const leaf of leaves) {
        const record = read(leaf, now)
        if (record !== undefined) yield record
        if (pace.due()) await pace.turn()
      }
      if (pace.due()) await pace.turn()
    }
  } catch (error) {
    signal.throwIfAborted()
    if (isIdle(error)) {
      patience.lost()
      connection.leave(server)
    }
    if (name === 'tokens' || !(error instanceof StoreError) || error.code !== 'ERR_STORE_CREDENTIALS') {
      throw unreachable(server, error)
    }
    // A user who was given the tokens' directory only can still list that.
    etcd.unreadable()
  } finally {
    ended.abort()
  }
}

function directory(name: Directory['name'], path: string): Directory {
  const meaning = name === 'tokens' ? readToken : readRecord
  return {
    name,
    path,
    read({ key, value }, now) {
      const rest = restOf(key, path)
      return rest === undefined ? undefined : meaning(rest, value, now)
    },
  }
}

/** With authentication on, only `root` may ask: then it is not off. */
async function authenticationIsOff({ connection, timeout }: EtcdV2, signal: AbortSignal): Promise<boolean> {
  const { json } = await connection.call({ path: '/v2/auth/enable', timeout, maxBytes: 64 * 1024, signal })
  return typeof json === 'object' && json !== null && 'enabled' in json && json.enabled === false
}
