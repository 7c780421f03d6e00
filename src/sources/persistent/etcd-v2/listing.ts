import type { RevocationRecord } from '../../../revocation/index.js'
import { startTimeSlice } from '../../../time/index.js'
import type { MalformedListing } from '../../message/index.js'
import { StoreError } from '../../source.js'
import { countUnreadable, type EtcdProblem } from '../etcd/malformed.js'
import { recordsPrefix } from '../etcd/records.js'
import { noteListing } from '../etcd/revisions.js'
import { readListing } from './answer.js'
import { ERROR, errorCode, isIdle, statusError, unreachable } from './error.js'
import { type Directory, directory, keyPath } from './keys.js'
import type { EtcdV2 } from './store.js'

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

/** Bytes that the root's keys may have: other programs' stand there, too. */
const MAX_ROOT_BYTES = 1024 ** 3

export interface ListingLimits {
  /** Milliseconds until a directory must be read whole. */
  readonly listTimeout: number
  /** Bytes that its answer may have. */
  readonly maxBytes: number
  /** Counts the keys that can't be read. */
  readonly bad: MalformedListing<EtcdProblem>
}

/**
 * Lists one directory, as it arrives. Throws {@link StoreError} unless it was read whole; a directory that the user may
 * not read is passed over, if it is not that of the tokens.
 *
 * @param isFirst whether the watch goes on where this directory was read
 */
export async function* listDirectory(
  etcd: EtcdV2,
  directory: Directory,
  isFirst: boolean,
  { listTimeout: timeout, maxBytes, bad }: ListingLimits,
  signal: AbortSignal,
): AsyncIterable<RevocationRecord> {
  const ended = new AbortController() // frees the connection when the consumer stops or the answer is refused
  const { connection, idleTimeout } = etcd
  let server = ''
  try {
    const answer = await connection.open({
      path: `${keyPath(directory.path)}?${directory.name === 'root' ? '' : 'recursive=true&'}quorum=true`,
      timeout,
      idleTimeout,
      maxBytes,
      signal: AbortSignal.any([signal, ended.signal]),
    })
    server = answer.server
    if (isFirst && answer.index !== undefined) noteListing(etcd.revisions, BigInt(answer.index))
    if (answer.status === 404 && errorCode(await connection.read(answer)) === ERROR.KEY_NOT_FOUND) {
      if (directory.name === 'tokens') etcd.missing()
      return
    }
    if (answer.status !== 200) throw statusError(server, answer.status)
    yield* records(answer.body, directory, bad)
  } catch (error) {
    signal.throwIfAborted()
    if (isIdle(error)) {
      idleTimeout.timedOut()
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

/** The records of an answer. What can't be read is counted. */
async function* records(
  body: AsyncIterable<Uint8Array>,
  directory: Directory,
  bad: MalformedListing<EtcdProblem>,
): AsyncIterable<RevocationRecord> {
  const now = Date.now()
  const slice = startTimeSlice()
  let index = 0
  for await (const leaves of readListing(body)) {
    for (const leaf of leaves) {
      const record = directory.read(leaf, now)
      if (record !== undefined) yield record
      else countUnreadable(bad, directory.name, index)
      index++
      if (slice.isOver()) await slice.yield()
    }
    if (slice.isOver()) await slice.yield()
  }
}

/** Reads the root up to the first sign that the API is used: a token's key, or a directory on the way to the prefix. */
export async function look(etcd: EtcdV2, prefix: string, signal: AbortSignal): Promise<V2Presence> {
  const seen = new AbortController() // the rest of the answer is not needed
  const { connection, timeout } = etcd
  const ways = new Set([prefix, recordsPrefix(prefix)].map((path) => `/${path.slice(0, path.indexOf('/'))}`))
  const root = directory('root', '')
  const answer = await connection.open({
    path: `${keyPath('')}?quorum=true`,
    timeout,
    maxBytes: MAX_ROOT_BYTES,
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

/** With authentication on, only `root` may ask: then it is not off. */
export async function authenticationIsOff({ connection, timeout }: EtcdV2, signal: AbortSignal): Promise<boolean> {
  const { json } = await connection.call({ path: '/v2/auth/enable', timeout, maxBytes: 64 * 1024, signal })
  return typeof json === 'object' && json !== null && 'enabled' in json && json.enabled === false
}
