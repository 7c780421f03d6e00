import { codeOf, hasCode } from '../../error-code.js'

/** Methods that may be sent again if no part of a response has arrived (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
const TIMEOUTS = /^(UND_ERR_(HEADERS|BODY|CONNECT)_TIMEOUT|ETIMEDOUT)$/
const LOST = /^(UND_ERR_SOCKET|ECONNRESET|EPIPE)$/

/** Whether a request with this method may be sent again. */
export function isIdempotent(method: string | undefined): boolean {
  return method !== undefined && IDEMPOTENT.has(method)
}

/** Whether undici or the system gave up waiting: for the connection, the headers or the body. */
export function isTimeout(error: Error): boolean {
  return TIMEOUTS.test(codeOf(error) ?? '')
}

/** Whether the connection was lost, perhaps one that the upstream had closed just as the request was written to it. */
export function isConnectionLost(error: Error): boolean {
  return LOST.test(codeOf(error) ?? '')
}

/**
 * Whether a body is not as long as its headers say. undici also reports that for a response that has none: the length of a
 * 304 is that of the body which a 200 would have (RFC 9110 §8.6).
 */
export function isLengthMismatch(error: Error): boolean {
  return hasCode(error, 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
}

/** Why an answer is aborted that is not passed on. */
export const ANSWER_DROPPED = new Error('answer dropped: the request is sent again')
