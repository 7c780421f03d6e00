import { connectionRemedy, loginRejected, peerAt, STORE_KEYS } from '../../remedies.js'
import { StoreError } from '../../source.js'

/** What a failed call to etcd means for the next one. */
export type Failure =
  /** The server, or the way to it: another server may do. */
  | 'unreachable'
  /** The token of the login is not valid any more: log in again. */
  | 'login'
  /** User and password are refused. */
  | 'credentials'
  /** The user may not do this. */
  | 'permission'
  /** There is a user, but the server has authentication disabled. */
  | 'authentication-off'
  /** The revision is not kept any more. */
  | 'compacted'
  /** The answer is longer than we take. */
  | 'too-long'
  | 'refused'

/** By etcd's own words, which have not changed since 3.0: etcd3's classes hide gRPC's codes and do not tell these apart. */
const WORDS: readonly (readonly [string, Failure])[] = [
  ['required revision has been compacted', 'compacted'],
  ['required revision is a future revision', 'compacted'],
  ['authentication is not enabled', 'authentication-off'],
  ['invalid auth token', 'login'],
  ['user name is empty', 'login'],
  ['revision of auth store is old', 'login'],
  ['revision in header is old', 'login'],
  ['invalid user ID or password', 'credentials'],
  ['user name not found', 'credentials'],
  ['permission denied', 'permission'],
  ['message larger than max', 'too-long'],
]

/** gRPC's codes, as its messages begin, of what another server or another attempt may do better. */
const UNREACHABLE = /^(?:1|2|4|13|14) [A-Z_]+:|deadline|ECONN|no leader|too many requests|request timed out/i

/** Tells what a call's failure means; also for the {@link StoreError} that was made of it. */
export function failureOf(error: unknown): Failure {
  if (error instanceof StoreError) return failureOf(error.cause)
  const message = error instanceof Error ? error.message : String(error)
  for (const [words, failure] of WORDS) if (message.includes(words)) return failure
  return UNREACHABLE.test(message) ? 'unreachable' : 'refused'
}

/** The time in gRPC's messages, which would make each another one. */
const TIME = / \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/

/** The error that the store's caller sees. */
export function etcdError(server: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const cause = error instanceof Error && TIME.test(error.message) ? new Error(error.message.replace(TIME, '')) : error
  switch (failureOf(cause)) {
    case 'credentials':
    case 'login':
      return new StoreError('ERR_STORE_CREDENTIALS', loginRejected(`etcd at ${server}`, 'persistent'), { cause })
    case 'permission':
      return new StoreError(
        'ERR_STORE_CREDENTIALS',
        `etcd at ${server} denied access to these keys: grant it to this user`,
        {
          cause,
        },
      )
    case 'unreachable':
      return new StoreError('ERR_STORE_UNREACHABLE', `cannot reach etcd at ${server}`, { cause })
    default:
      return new StoreError('ERR_STORE_STATUS', `etcd at ${server} answered with an error`, { cause })
  }
}

/** As {@link etcdError}, of a call: with what to change in the configuration, where that can be told. */
export async function callError(server: string, error: unknown): Promise<StoreError> {
  const failed = etcdError(server, error)
  if (failed.code !== 'ERR_STORE_UNREACHABLE') return failed
  const { cause } = failed
  const remedy = await connectionRemedy(cause, peerAt(server, `etcd at ${server}`), STORE_KEYS)
  return remedy === undefined ? failed : new StoreError('ERR_STORE_UNREACHABLE', remedy, { cause })
}
