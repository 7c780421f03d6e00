import { CallError } from '../../../http-client/index.js'
import { describeTarget } from '../../../logging/index.js'
import { connectionRemedy, loginRejected, peerAt, STORE_KEYS } from '../../remedies.js'
import { StoreError } from '../../source.js'

/** etcd's own errors, in the body of an answer. */
export const ERROR = {
  KEY_NOT_FOUND: 100,
  COMPARE_FAILED: 101,
  NOT_A_FILE: 102,
  NOT_A_DIRECTORY: 104,
  KEY_EXISTS: 105,
  INDEX_CLEARED: 401,
} as const

/** Whether a call was given up because nothing came. */
export function isIdle(error: unknown): boolean {
  return error instanceof CallError && error.code === 'ERR_CALL_IDLE'
}

/** etcd's number of an error, from its body. */
export function errorCode(json: unknown): number | undefined {
  if (typeof json !== 'object' || json === null || !('errorCode' in json)) return undefined
  return typeof json.errorCode === 'number' ? json.errorCode : undefined
}

/** The error for an unexpected status. Never quotes the answer: it may name a key. */
export function statusError(server: string, status: number): StoreError {
  const name = `etcd at ${describeTarget(server)}`
  if (status === 401 || status === 403) {
    // The v2 API answers both in the same way.
    const text = `${loginRejected(name, 'persistent')}, or grant this user access to these keys`
    return new StoreError('ERR_STORE_CREDENTIALS', text)
  }
  return new StoreError('ERR_STORE_STATUS', `${name} answered ${status}`)
}

/** As {@link unreachable}, for a call that brought no answer at all: with what to change, where that can be told. */
export async function notConnected(server: string, cause: unknown): Promise<StoreError> {
  const remedy = await connectionRemedy(cause, peerAt(server, `etcd at ${server}`), STORE_KEYS)
  return remedy === undefined ? unreachable(server, cause) : new StoreError('ERR_STORE_UNREACHABLE', remedy, { cause })
}

export function unreachable(server: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause
  const why = cause instanceof CallError ? cause : undefined
  return new StoreError('ERR_STORE_UNREACHABLE', `cannot reach etcd at ${describeTarget(server)}`, {
    cause: why,
  })
}
