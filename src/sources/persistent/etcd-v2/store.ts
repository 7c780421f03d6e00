import type { Dispatcher } from 'undici'
import type { Secret } from '../../../config/index.js'
import { type Logger, type Logging, silent } from '../../../logging/index.js'
import type { RevocationRecord } from '../../../revocation/index.js'
import { AdaptiveTimeout } from '../../../time/index.js'
import type { PersistentStore, RevocationSink } from '../../source.js'
import { CONFIRM_EVERY } from '../etcd/confirming.js'
import type { EtcdEndpoint } from '../etcd/endpoint.js'
import { etcdMalformed } from '../etcd/malformed.js'
import { recordsPrefix } from '../etcd/records.js'
import type { Revisions } from '../etcd/revisions.js'
import { EtcdV2Connection } from './connection.js'
import { type Directory, directory } from './keys.js'
import { authenticationIsOff, listDirectory, look, type V2Presence } from './listing.js'
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
  /** Milliseconds between two confirmations that the watch misses nothing. Default 5 s. */
  readonly confirmEvery?: number
  /** Milliseconds that a revocation whose end is unknown is kept in the store. Default 30 days. */
  readonly retention?: number
  /** Epoch ms, no later than the real time as far as known: each `ttl` is counted from it. Default: the clock. */
  readonly notAfter?: () => number
  /** Whether keys that stand directly in the root are tokens, too: `etcdctl set <jti> <ttl>` puts them there. Default false. */
  readonly root?: boolean
  readonly logging?: Logging
}

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
  readonly confirmEvery: number
  /** The path of the tokens' directory: `jti/`. */
  readonly tokens: string
  /** Of listings. */
  readonly idleTimeout: AdaptiveTimeout
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
 * What keys and values look like: `etcd/records.ts`. Throws {@link StoreError}.
 */
export function etcdV2Store(options: EtcdV2Options): EtcdV2Store {
  const { endpoint, retention = RETENTION, notAfter = Date.now } = options
  const { timeout = TIMEOUT, listTimeout = LIST_TIMEOUT, maxBytes = MAX_BYTES } = options
  const log = (options.logging ?? silent)('TokenRevocation')
  const directories = [directory('tokens', endpoint.prefix), directory('records', recordsPrefix(endpoint.prefix))]
  const etcd: EtcdV2 = {
    connection: new EtcdV2Connection({ ...options, ...endpoint }),
    // A watch goes on where the first of them was read.
    directories: options.root === true ? [directory('root', ''), ...directories] : directories,
    timeout,
    pollTimeout: options.pollTimeout ?? POLL_TIMEOUT,
    confirmEvery: options.confirmEvery ?? CONFIRM_EVERY,
    tokens: endpoint.prefix,
    idleTimeout: new AdaptiveTimeout(listTimeout, options.idleTimeout),
    revisions: { listed: undefined, watched: undefined, missed: undefined },
    ...warnings(log, endpoint.prefix, options.root === true),
  }
  // Beside v3, whose API reports a wrong user itself.
  let authenticationKnown = !options.username || options.root === true
  const malformed = etcdMalformed(log)
  async function* list(signal: AbortSignal): AsyncIterable<RevocationRecord> {
    if (!authenticationKnown && (await authenticationIsOff(etcd, signal))) {
      log.warn('etcd authentication is disabled: ignoring the configured user name')
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
    put: (record) => putRecord(etcd, endpoint.prefix, record, retention, notAfter()),
  }
}

/** What an operator should know, each once. `isBesideV3`: the v3 API of the same servers is read, too. */
function warnings(log: Logger, prefix: string, isBesideV3: boolean): Pick<EtcdV2, 'unreadable' | 'outrun' | 'missing'> {
  const warned = new Set<string>()
  const warnOnce = (of: string, text: string) => {
    if (!warned.has(of)) log.warn(text)
    warned.add(of)
  }
  return {
    unreadable: ({ name, path }) =>
      warnOnce(
        name,
        name === 'root'
          ? "etcd user may not read the root of the v2 API: tokens put there by 'etcdctl set <jti> <ttl>' are not seen; grant it read access to /*"
          : `etcd user may not read ${path}: rules there have no effect`,
      ),
    outrun: () =>
      warnOnce(
        'outrun',
        "keys of other programs change too often to watch the root of etcd's v2 API: tokens put there by 'etcdctl set <jti> <ttl>' are seen by listings only",
      ),
    missing() {
      if (!isBesideV3) warnOnce('tokens', `etcd has no directory ${prefix}: check endpointURL`)
    },
  }
}
