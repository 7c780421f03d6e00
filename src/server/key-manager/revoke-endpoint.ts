import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type Authenticator, isRefused, type Sender, type TokenOrigin } from '../../auth/index.js'
import { type Fault, faults } from '../../faults/index.js'
import { type Answer, CallError, type HttpClient, openCall } from '../../http-client/index.js'
import { describeError, type Logger } from '../../logging/index.js'
import { type RequestHead, responseHeaders } from '../../proxy/index.js'
import {
  type Asker,
  type Revocable,
  revocable,
  type TokenRevocation,
  UnconfirmedRevocation,
} from '../../revocation/index.js'
import { readRevocationForm } from './revocation-form.js'

export interface RevokeEndpointOptions {
  readonly client: HttpClient
  /** Verifies the posted token. */
  readonly authenticator: Authenticator & TokenOrigin
  /** Enters a revocation, and confirms it and all earlier ones; rejects with `UnconfirmedRevocation`. */
  readonly revocations: { revokeHere(record: TokenRevocation | undefined, asker: Asker): Promise<void> }
  /** Whether a JWT's `jti` is that of its issuer alone: several issuers are trusted. */
  readonly ofItsIssuer: boolean
  /** Lower-case names of headers that the key manager must not see. */
  readonly removedHeaders: ReadonlySet<string>
  readonly logger: Logger
  /** Milliseconds that the key manager may take. Default 60 s. */
  readonly timeout?: number
  /** Milliseconds that a client may take for the form, a few hundred bytes. Default 10 s. */
  readonly formTimeout?: number
}

/** A request for a revocation. */
export interface RevocationRequest extends Sender {
  readonly req: RequestHead
  readonly body: Readable
  /** Its client's address; empty: nobody wants to know. */
  readonly client: string
  readonly requestId: string
  /** Asks for its body, if the client waits for that. */
  askForBody(): void
  /** Its headers as the key manager gets them, without those in `removed` (lower-case names). */
  upstreamHeaders(removed: ReadonlySet<string>): string[]
}

/** The answer to a client: the key manager's own, or a fault. */
export type RevokeOutcome =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: readonly string[]; readonly body: Buffer }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly reason: string }

/** Bytes of the key manager's answer. */
const MAX_ANSWER = 1_048_576
const TIMEOUT = 60_000
const FORM_TIMEOUT = 10_000
/** The header in which WSO2's key manager names the revoked access token, whichever token was posted. */
const REVOKED_ACCESS_TOKEN = 'revokedaccesstoken'

/**
 * The key manager's revocation endpoint (RFC 7009) as the gateway serves it: what the key manager has revoked is durable,
 * and in force in every worker, before its answer leaves. If that cannot be confirmed the answer is 503 instead.
 *
 * A 2xx proves nothing about the posted token: RFC 7009 answers it for unknown tokens too. So that token is listed only if
 * it was verified *before* the key manager was asked: an unsigned JWT with a victim's `jti` must not lock the victim out,
 * and random strings must not fill the list. A JWT that its issuer signed is listed even if it is refused now, as expired or not
 * yet valid: time, or a clock that is set right, may change that. While the token cannot be verified nothing is forwarded, and the
 * answer is 503 (RFC 7009 §2.2.1): a 200 would promise what the gateway cannot keep.
 */
export class RevokeEndpoint {
  readonly #options: RevokeEndpointOptions
  readonly #timeout: number
  readonly #formTimeout: number

  constructor(options: RevokeEndpointOptions) {
    this.#options = options
    this.#timeout = options.timeout ?? TIMEOUT
    this.#formTimeout = options.formTimeout ?? FORM_TIMEOUT
  }

  /** @param url the key manager's endpoint; @param query the request's, with its `?`, or empty */
  async answer(request: RevocationRequest, url: string, query: string): Promise<RevokeOutcome> {
    const form = await readRevocationForm(
      request.req,
      request.body,
      () => request.askForBody(),
      query,
      this.#formTimeout,
    )
    if ('fault' in form) return { kind: 'fault', ...form }
    const posted = form.token === undefined ? undefined : await this.#verified(form.token, request)
    if (posted === 'unknown') return refusal(faults.keyManagerUnavailable, 'unjudged')
    try {
      return await this.#forward(request, url + query, form.body, posted)
    } catch (error) {
      if (error instanceof UnconfirmedRevocation) return this.#unconfirmed(error)
      if (!(error instanceof CallError)) throw error
      this.#options.logger.error('key manager did not complete the revocation response', error)
      const late = error.code === 'ERR_CALL_TIMEOUT'
      return refusal(late ? faults.upstreamTimeout : faults.upstreamUnreachable, late ? 'timeout' : 'unreachable')
    }
  }

  /** The client must retry; by then the key manager may not know the token any more, and answers that with 2xx too. */
  #unconfirmed(error: UnconfirmedRevocation): RevokeOutcome {
    const { code } = error
    const reason = describeError(error)
    const message = 'revocation not confirmed; answered 503, although the key manager may have revoked the token'
    this.#options.logger.error(message, undefined, { code, reason })
    return refusal(faults.revocationUnconfirmed, 'unconfirmed')
  }

  /**
   * The posted token if it verifies, or is active by introspection. `unknown`: its issuer or key manager is unavailable, or it names
   * a key that its issuer does not publish.
   */
  async #verified(token: string, sender: Sender): Promise<Revocable | undefined | 'unknown'> {
    const now = Date.now()
    try {
      const outcome = await this.#options.authenticator.authenticate(token, now, sender)
      if (!isRefused(outcome)) return revocable(token, now, outcome.identity.expiresAt, this.#options.ofItsIssuer)
      if (outcome.fault === faults.keyManagerUnavailable) return 'unknown'
      const isIssued = await this.#options.authenticator.isIssued(token)
      if (isIssued === undefined) return 'unknown'
      return isIssued ? revocable(token, now, undefined, this.#options.ofItsIssuer) : undefined
    } catch (error) {
      this.#options.logger.warn('token to revoke could not be verified', { reason: describeError(error) })
      return 'unknown'
    }
  }

  /** The key manager's answer, once what it revoked is listed. Throws `CallError` if there is none, or an incomplete one. */
  async #forward(
    request: RevocationRequest,
    url: string,
    body: Buffer,
    posted: Revocable | undefined,
  ): Promise<RevokeOutcome> {
    const answer = await this.#call(request, url, body).catch(async (error: unknown) => {
      // It may have revoked the token before its answer was lost, as the token's holder asked.
      if (error instanceof CallError && error.sent) await this.#list(request, posted, {})
      throw error
    })
    const received = buffer(answer.body)
    // Lists what the status says was revoked even if the body breaks off.
    received.catch(() => undefined)
    if (answer.status >= 200 && answer.status < 300) await this.#list(request, posted, answer.headers)
    const whole = await received
    return { kind: 'answer', status: answer.status, headers: headersOf(answer.headers, whole), body: whole }
  }

  async #list(
    { client, requestId }: RevocationRequest,
    posted: Revocable | undefined,
    headers: Answer['headers'],
  ): Promise<void> {
    const { revocations, ofItsIssuer, logger } = this.#options
    const named = [headers[REVOKED_ACCESS_TOKEN]].flat()
    const reported = named.map((token) =>
      token === undefined ? undefined : revocable(token.trim(), Date.now(), undefined, ofItsIssuer),
    )
    const records = new Map(
      [posted, ...reported].flatMap((token) =>
        token === undefined ? [] : [[JSON.stringify([token.record.iss, token.record.id]), token.record] as const],
      ),
    )
    // On the retry after a 503 the key manager names no token: confirms what it named before.
    const confirmed = records.size === 0 ? [undefined] : [...records.values()]
    const asker: Asker = { via: 'revoke', client, requestId }
    await Promise.all(confirmed.map((record) => revocations.revokeHere(record, asker)))
    logger.debug('key manager answered a revocation', { listed: records.size })
  }

  #call(request: RevocationRequest, url: string, body: Buffer): ReturnType<typeof openCall> {
    const headers: Record<string, string> = {}
    const raw = request.upstreamHeaders(this.#options.removedHeaders)
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = (raw[i] as string).toLowerCase()
      if (name === 'content-length') continue
      const before = headers[name]
      headers[name] = before === undefined ? (raw[i + 1] as string) : `${before}, ${raw[i + 1]}`
    }
    const { client } = this.#options
    return openCall(client, { url, method: 'POST', headers, body, timeout: this.#timeout, maxBytes: MAX_ANSWER })
  }
}

/** The key manager's headers as the client gets them. */
function headersOf(headers: Answer['headers'], body: Buffer): string[] {
  const raw = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one === undefined || name === 'content-length' ? [] : [name, one])),
  )
  return [...responseHeaders(raw), 'content-length', String(body.length)]
}

function refusal(fault: Fault, reason: string): RevokeOutcome {
  return { kind: 'fault', fault, reason }
}
