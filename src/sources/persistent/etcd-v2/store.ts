import type { Dispatcher } from 'undici'
import type { Secret } from '../../../config/index.js'
import { type Logging, type MalformedListing, silent } from '../../../logging/index.js'
import type { RevocationRecord } from '../../../revocation/index.js'
import { type PersistentStore, type RevocationSink, StoreError } from '../../source.js'
import type { EtcdEndpoint } from '../etcd/endpoint.js'
import { countUnreadable, type EtcdProblem, etcdMalformed } from '../etcd/malformed.js'
import { readRecord, readRootToken, readToken, recordsPrefix } from '../etcd/records.js'
import { noteListing, type Revisions } from '../etcd/revisions.js'
import { startPace } from '../pace.js'
import { Patience } from '../patience.js'
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
  /** Whether keys that stand directly in the root are tokens, too: `etcdctl set <jti> <ttl>` puts them there. Default false. */
  readonly root?: boolean
  readonly logging?: Logging
}

/** The keys of one directory, and what each of them says. */
export interface Directory {
  readonly name: 'tokens' | 'records' | 'root'
  /** `jti/`; empty for the root, whose directories belong to others and are not looked into. */
  readonly path: string
  read(leaf: Leaf, now: number): RevocationRecord | undefined
}

/** What is to be seen of the v2 API at the server. */
export type V2Presence =
  /** The server has none: it is etcd 3.6 or later, or its v2 API is off. */
  | 'absent'
  /** Nothing in it is meant for this gateway. */
  | 'empty'
  /** There are keys, or a directory for them. */
  | 'in use'
  /** The user may not read the root, which would tell. */
  | 'hidden'

/** A store by the v2 API that can also be asked whether anybody uses it. */
export interface EtcdV2Store extends PersistentStore {
  watch(sink: RevocationSink, signal: AbortSignal): Promise<void>
  /** Looks at the root, once and cheaply. Throws {@link StoreError} when that tells nothing. */
  look(signal: AbortSignal): Promise<V2Presence>
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
  /** The user may read the tokens, but not this other directory. */
  unreadable(directory: Directory): void
  /** There is no directory of tokens. */
  missing(): void
  /** More happens in the root than can be watched. */
  outrun(): void
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
export function etcdV2Store(options: EtcdV2Options): EtcdV2Store {
  const { endpoint, timeout = TIMEOUT, listTimeout = LIST_TIMEOUT, maxBytes = MAX_BYTES } = options
  const log = (options.logging ?? silent)('TokenRevocation')
  const warned = new Set<string>()
  const warnOnce = (of: string, text: string) => {
    if (!warned.has(of)) log.warn(text)
    warned.add(of)
  }
  const directories = [directory('tokens', endpoint.prefix), directory('records', recordsPrefix(endpoint.prefix))]
  const etcd: EtcdV2 = {
    connection: new EtcdV2Connection({ ...options, servers: endpoint.servers }),
    // A watch goes on where the first of them was read.
    directories: options.root === true ? [directory('root', ''), ...directories] : directories,
    timeout,
    pollTimeout: options.pollTimeout ?? POLL_TIMEOUT,
    patience: new Patience(listTimeout, options.idleTimeout),
    revisions: { listed: undefined, watched: undefined, missed: undefined },
    unreadable: ({ name, path }) =>
      warnOnce(
        name,
        name === 'root'
          ? "the user of etcd may not read the root of its v2 API: tokens that 'etcdctl set <jti> <ttl>' puts there are not seen; grant it read access to /*"
          : `the user of etcd may not read ${path}: rules there have no effect`,
      ),
    outrun: () =>
      warnOnce(
        'outrun',
        "other programs' keys change too often in etcd's v2 API to watch its root: tokens that 'etcdctl set <jti> <ttl>' puts there are only seen when the store is listed",
      ),
    missing() {
      if (options.root === true) return // there is the v3 API, too
      const { prefix } = endpoint
      warnOnce(
        'tokens',
        `etcd has no directory ${prefix}: if tokens have been revoked, endpointURL names another than theirs`,
      )
    },
  }
  // The v3 API has users of its own, and says itself what is wrong with one.
  let authenticationKnown = !options.username || options.root === true
  const malformed = etcdMalformed(log)
  async function* list(signal: AbortSignal): AsyncIterable<RevocationRecord> {
    if (!authenticationKnown && (await authenticationIsOff(etcd, signal))) {
      log.warn('etcd has authentication off: the configured user name is not used')
    }
    authenticationKnown = true
    const bad = malformed.listing()
    for (const [at, each] of etcd.directories.entries()) {
      yield* listDirectory(etcd, each, at === 0, { listTimeout, maxBytes, bad }, signal)
    }
    bad.end()
  }
  return {
    name: 'etcd',
    list,
    look: (signal) => look(etcd, endpoint.prefix, signal),
    watch: (sink, signal) => watchDirectories(etcd, sink, signal),
    malformed: () => malformed.report(),
    put: (record) => putRecord(etcd, endpoint.prefix, record, options.retention ?? RETENTION),
  }
}

type ListingLimits = Required<Pick<EtcdV2Options, 'listTimeout' | 'maxBytes'>> & {
  readonly bad: MalformedListing<EtcdProblem>
}

async function* listDirectory(
  etcd: EtcdV2,
  directory: Directory,
  isFirst: boolean,
  { listTimeout: timeout, maxBytes, bad }: ListingLimits,
  signal: AbortSignal,
): AsyncIterable<RevocationRecord> {
  const ended = new AbortController() // frees the connection when the consumer stops, or the answer is not for us
  const { connection, patience } = etcd
  const now = Date.now()
  const pace = startPace()
  let server = ''
  try {
    const answer = await connection.open({
      path: `${keyPath(directory.path)}?${directory.name === 'root' ? '' : 'recursive=true&'}quorum=true`,
      timeout,
      patience,
      maxBytes,
      signal: AbortSignal.any([signal, ended.signal]),
    })
    server = answer.server
    if (isFirst && answer.index !== undefined) noteListing(etcd.revisions, BigInt(answer.index))
    if (answer.status === 404 && errorCode(await readJson(answer.body, server)) === ERROR.KEY_NOT_FOUND) {
      if (directory.name === 'tokens') etcd.missing()
      return
    }
    if (answer.status !== 200) throw statusError(server, answer.status)
    let index = 0
    for await (const leaves of readListing(answer.body)) {
      for (const leaf of leaves) {
        const record = directory.read(leaf, now)
        if (record !== undefined) yield record
        else countUnreadable(bad, directory.name, index)
        index++
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
    if (directory.name === 'tokens' || !(error instanceof StoreError) || error.code !== 'ERR_STORE_CREDENTIALS') {
      throw unreachable(server, error)
    }
    // A user who was given the tokens' directory only can still list that.
    etcd.unreadable(directory)
  } finally {
    ended.abort()
  }
}

/** Reads the root up to the first sign that the API is used: a token's key, or a directory on the way to the prefix. */
async function look(etcd: EtcdV2, prefix: string, signal: AbortSignal): Promise<V2Presence> {
  const seen = new AbortController() // the rest of the answer is not needed
  const { connection, timeout } = etcd
  const ways = new Set([prefix, recordsPrefix(prefix)].map((path) => `/${path.slice(0, path.indexOf('/'))}`))
  const root = directory('root', '')
  const answer = await connection.open({
    path: `${keyPath('')}?quorum=true`,
    timeout,
    maxBytes: MAX_BYTES,
    signal: AbortSignal.any([signal, seen.signal]),
  })
  try {
    if (answer.status === 404) return 'absent'
    if (answer.status === 401 || answer.status === 403) return 'hidden'
    if (answer.status !== 200) throw statusError(answer.server, answer.status)
    let inUse = false
    const onDirectory = (key: unknown) => {
      inUse ||= typeof key === 'string' && ways.has(key)
    }
    for await (const leaves of readListing(answer.body, onDirectory)) {
      inUse ||= leaves.some((leaf) => root.read(leaf, 0) !== undefined)
      if (inUse) return 'in use'
    }
    return 'empty'
  } catch (error) {
    signal.throwIfAborted()
    throw unreachable(answer.server, error)
  } finally {
    seen.abort()
  }
}

const MEANING = { tokens: readToken, records: readRecord, root: readRootToken }

function directory(name: Directory['name'], path: string): Directory {
  const meaning = MEANING[name]
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
