import type { IncomingMessage } from 'node:http'
import { describeError, type Logger } from '../logging/index.js'
import { type Asker, type RevocationRecord, TooManyClaimSets, UnconfirmedRevocation } from '../revocation/index.js'
import { peerOf } from '../server/index.js'
import { type AdminAnswer, badRequest } from './answer.js'
import { type ProtectedOptions, readProtected } from './protected.js'
import { readRevocationRequest } from './revocation-request.js'

export interface RevocationsOptions extends ProtectedOptions {
  /** Revokes; resolves when the revocation is durable and every worker enforces it; rejects with `UnconfirmedRevocation`. */
  readonly revoke: (record: RevocationRecord, asker: Asker) => Promise<void>
  /** The current time or later (epoch ms). */
  readonly now: () => number
  /** No sooner than the clock of any issuer shows (epoch ms): a rule without a time revokes all tokens issued so far. */
  readonly issuersNow: () => number
  /** Whether a whole JWT's `jti` is that of its issuer alone: several issuers are trusted. */
  readonly ofItsIssuer: () => boolean
  readonly logger: Logger
}

/** Seconds after which an unconfirmed revocation is worth another attempt. */
const RETRY_AFTER = '5'
const UNCONFIRMED = {
  error: 'Service Unavailable',
  problem: 'the revocation is not confirmed as durable and enforced by every worker; send it again',
}

/**
 * `POST /revocations`: an operator revokes a token, or all tokens of a subject, a client, a session or an issuer, or those
 * with certain claims. 204 when that is durable and enforced; 503 when that cannot be confirmed. Its credential can lock
 * everybody out, so without one configured the path does not exist (404).
 */
export async function answerRevocation(req: IncomingMessage, options: RevocationsOptions): Promise<AdminAnswer> {
  const text = await readProtected(req, options)
  if (typeof text !== 'string') return text
  const { now, ofItsIssuer, issuersNow } = options
  const read = readRevocationRequest(text, now(), ofItsIssuer(), issuersNow())
  if ('problem' in read) return badRequest(read.problem)
  try {
    await options.revoke(read, { via: 'admin', client: peerOf(req.socket) })
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
