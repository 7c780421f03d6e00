import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Secret } from '../config/index.js'
import { describeError, type Logger } from '../logging/index.js'
import { type RevocationRecord, TooManyClaimSets, UnconfirmedRevocation } from '../revocation/index.js'
import { readSmallBody, type SmallBodyFailure } from '../server/index.js'
import { readRevocationRequest } from './revocation-request.js'

export interface RevocationsOptions {
  /** The bearer token that is required. Empty: the endpoint does not exist (404). */
  readonly token: Secret
  /** Revokes; resolves when the revocation is durable and every worker enforces it; rejects with `UnconfirmedRevocation`. */
  readonly revoke: (record: RevocationRecord) => Promise<void>
  /** The current time or later (epoch ms). */
  readonly now: () => number
  /** No sooner than the clock of any issuer shows (epoch ms): a rule without a time revokes all tokens issued so far. */
  readonly issuersNow: () => number
  /** Whether a whole JWT's `jti` is that of its issuer alone: several issuers are trusted. */
  readonly ofItsIssuer: boolean
  readonly logger: Logger
  /** Milliseconds until the whole request body must have arrived. Default 10 s. */
  readonly bodyTimeout?: number
}

/** An answer of the admin listener. */
export interface AdminAnswer {
  readonly status: number
  /** An object is sent as JSON, a string as it is. */
  readonly body?: object | string
  readonly headers?: Readonly<Record<string, string>>
}

/** Seconds after which an unconfirmed revocation is worth another attempt. */
const RETRY_AFTER = '5'
const UNCONFIRMED = {
  error: 'Service Unavailable',
  problem: 'the revocation is not confirmed as durable and enforced by every worker; send it again',
}

/** Longest body, in bytes: the longest token and the JSON around it. */
const MAX_BODY = 80_000
/** Default of {@link RevocationsOptions.bodyTimeout}. */
const BODY_TIMEOUT = 10_000
const UNREAD: Readonly<Record<SmallBodyFailure, AdminAnswer>> = {
  'body-too-large': { status: 413, body: { error: 'Payload Too Large' } },
  'body-too-slow': { status: 408, body: { error: 'Request Timeout' } },
  'client-left': { status: 400, body: { error: 'Bad Request' } },
}

/**
 * `POST /revocations`: an operator revokes a token, or all tokens of a subject, a client, a session or an issuer, or those
 * with certain claims. 204 when that is durable and enforced; 503 when that cannot be confirmed. Its credential can lock everybody out, so without one configured
 * the path does not exist (404).
 */
export async function answerRevocation(req: IncomingMessage, options: RevocationsOptions): Promise<AdminAnswer> {
  if (options.token.isEmpty) return { status: 404, body: { error: 'Not Found' } }
  if (!authorized(req, options.token)) {
    return {
      status: 401,
      body: { error: 'Unauthorized' },
      headers: { 'www-authenticate': 'Bearer' },
    }
  }
  if (req.method !== 'POST') return { status: 405, body: { error: 'Method Not Allowed' }, headers: { allow: 'POST' } }
  if (req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() !== 'application/json') {
    return badRequest('the content type must be application/json')
  }
  const body = await readSmallBody(req, req, { maxBytes: MAX_BODY, timeout: options.bodyTimeout ?? BODY_TIMEOUT })
  if (!Buffer.isBuffer(body)) return UNREAD[body]
  const { now, ofItsIssuer, issuersNow } = options
  const read = readRevocationRequest(body.toString('utf8'), now(), ofItsIssuer, issuersNow())
  if ('problem' in read) return badRequest(read.problem)
  try {
    await options.revoke(read)
    return { status: 204 }
  } catch (error) {
    if (error instanceof TooManyClaimSets) {
      return { status: 507, body: { error: 'Insufficient Storage', problem: error.message } }
    }
    if (!(error instanceof UnconfirmedRevocation)) throw error
    const { code } = error
    options.logger.error('revocation not confirmed; answered 503', undefined, { code, reason: describeError(error) })
    return { status: 503, body: UNCONFIRMED, headers: { 'retry-after': RETRY_AFTER } }
  }
}

/** Whether the request has the credential. Compares digests: the time reveals neither the length nor where they differ. */
function authorized({ headers }: IncomingMessage, token: Secret): boolean {
  const given = /^bearer +([\x21-\x7e]+) *$/i.exec(headers.authorization ?? '')?.[1]
  return given !== undefined && timingSafeEqual(digest(given), digest(token.reveal()))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function badRequest(problem: string): AdminAnswer {
  return { status: 400, body: { error: 'Bad Request', problem } }
}
