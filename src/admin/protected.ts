import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Secret } from '../config/index.js'
import { readSmallBody, type SmallBodyFailure } from '../server/index.js'
import { type AdminAnswer, badRequest, methodNotAllowed } from './answer.js'

export interface ProtectedOptions {
  /** The bearer token that is required. Empty: what asks for it does not exist (404). */
  readonly token: Secret
  /** Milliseconds until the whole request body must have arrived. Default 10 s. */
  readonly bodyTimeout?: number
}

/** Longest body, in bytes: the longest token and the JSON around it. */
const MAX_BODY = 80_000
/** Default of {@link ProtectedOptions.bodyTimeout}. */
const BODY_TIMEOUT = 10_000
const UNREAD: Readonly<Record<SmallBodyFailure, AdminAnswer>> = {
  'body-too-large': { status: 413, body: { error: 'Payload Too Large' } },
  'body-too-slow': { status: 408, body: { error: 'Request Timeout' } },
  'client-left': { status: 400, body: { error: 'Bad Request' } },
}

/** The JSON text that was posted with the admin token; an answer if it was not posted so, or is too long or too slow. */
export async function readProtected(req: IncomingMessage, options: ProtectedOptions): Promise<string | AdminAnswer> {
  if (options.token.isEmpty) return { status: 404, body: { error: 'Not Found' } }
  if (!authorized(req, options.token)) {
    return { status: 401, body: { error: 'Unauthorized' }, headers: { 'www-authenticate': 'Bearer' } }
  }
  if (req.method !== 'POST') return methodNotAllowed('POST')
  if (req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() !== 'application/json') {
    return badRequest('the content type must be application/json')
  }
  const body = await readSmallBody(req, req, { maxBytes: MAX_BODY, timeout: options.bodyTimeout ?? BODY_TIMEOUT })
  return Buffer.isBuffer(body) ? body.toString('utf8') : UNREAD[body]
}

/** Whether the request has the credential. Compares digests: the time reveals neither the length nor where they differ. */
function authorized({ headers }: IncomingMessage, token: Secret): boolean {
  const given = /^bearer +([\x21-\x7e]+) *$/i.exec(headers.authorization ?? '')?.[1]
  return given !== undefined && timingSafeEqual(digest(given), digest(token.reveal()))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
