import type { IncomingMessage } from 'node:http'
import { type Authenticator, isRefused } from '../auth/index.js'
import { type Fault, faults } from '../faults/index.js'
import { type Answer, CallError, call, type HttpClient } from '../http-client/index.js'
import { describeError, type Logger } from '../logging/index.js'
import { requestHeaders, responseHeaders } from '../proxy/index.js'
import type { TokenRevocation } from '../revocation/record.js'
import { type Revocable, revocable } from '../revocation/revocable.js'

export interface RevokeEndpointOptions {
  readonly client: HttpClient
  /** Says which of the posted tokens are real. */
  readonly authenticator: Authenticator
  readonly revocations: { revokeHere(record: TokenRevocation): Promise<void> }
  /** Lower-case names of headers that the key manager must not see. */
  readonly removedHeaders: ReadonlySet<string>
  readonly logger: Logger
}

/** What a client is answered: the key manager's own answer, or a fault. */
export type RevokeOutcome =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: readonly string[]; readonly body: Buffer }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly reason: string }

/** Bytes of a posted form, and of the key manager's answer. */
const MAX_FORM = 65_536
const MAX_ANSWER = 1_048_576
/** Milliseconds that the key manager may take. */
const TIMEOUT = 60_000
const FORM = 'application/x-www-form-urlencoded'
/** The header by which WSO2's key manager names the access token that ended, whichever token was posted. */
const REVOKED_ACCESS_TOKEN = 'revokedaccesstoken'

/**
 * The key manager's revocation endpoint (RFC 7009) as the gateway serves it: what the key manager has revoked is on the
 * list, and in the journal, before its answer leaves.
 *
 * A 2xx proves nothing about the token that was posted: RFC 7009 answers it for unknown tokens too. So that token is
 * listed only if it was found to be real *before* the key manager was asked; an unsigned JWT with somebody's `jti` must
 * not lock that somebody out, and random strings must not fill the list.
 */
export class RevokeEndpoint {
  readonly #options: RevokeEndpointOptions

  constructor(options: RevokeEndpointOptions) {
    this.#options = options
  }

  /** @param url the key manager's endpoint; @param query the request's, with its `?`, or empty */
  async answer(req: IncomingMessage, url: string, query: string): Promise<RevokeOutcome> {
    const form = await readForm(req, query)
    if ('fault' in form) return form
    const posted = form.token === undefined ? undefined : await this.#real(form.token)
    const started = performance.now()
    let answer: Answer
    try {
      answer = await this.#forward(req, url + query, form.body)
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      this.#options.logger.error('the key manager gave no whole answer to a revocation', error)
      const late = performance.now() - started >= TIMEOUT
      return refusal(late ? faults.upstreamTimeout : faults.upstreamUnreachable, late ? 'timeout' : 'unreachable')
    }
    if (answer.status >= 200 && answer.status < 300) await this.#list(posted, answer)
    return { kind: 'answer', status: answer.status, headers: answerHeaders(answer), body: answer.body }
  }

  /** The posted token if it verifies, or introspection calls it active. */
  async #real(token: string): Promise<Revocable | undefined> {
    const now = Date.now()
    try {
      const outcome = await this.#options.authenticator.authenticate(token, now)
      return isRefused(outcome) ? undefined : revocable(token, now, outcome.identity.expiresAt)
    } catch (error) {
      this.#options.logger.warn('a token that is to be revoked could not be verified', { reason: describeError(error) })
      return undefined
    }
  }

  async #list(posted: Revocable | undefined, answer: Answer): Promise<void> {
    const { revocations, logger } = this.#options
    const named = [answer.headers[REVOKED_ACCESS_TOKEN]].flat()
    const told = named.map((token) => (token === undefined ? undefined : revocable(token.trim(), Date.now())))
    const records = new Map(
      [posted, ...told].flatMap((token) => (token === undefined ? [] : [[token.record.id, token.record] as const])),
    )
    await Promise.all([...records.values()].map((record) => revocations.revokeHere(record)))
    logger.debug('the key manager answered a revocation', { listed: records.size })
  }

  #forward(req: IncomingMessage, url: string, body: Buffer): Promise<Answer> {
    const headers: Record<string, string> = {}
    const raw = requestHeaders(req.rawHeaders, this.#options.removedHeaders)
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = (raw[i] as string).toLowerCase()
      if (name === 'content-length') continue
      const before = headers[name]
      headers[name] = before === undefined ? (raw[i + 1] as string) : `${before}, ${raw[i + 1]}`
    }
    const { client } = this.#options
    return call(client, { url, method: 'POST', headers, body, timeout: TIMEOUT, maxBytes: MAX_ANSWER })
  }
}

/**
 * Reads the form. What the gateway and the key manager might read differently is refused, or the one would list another
 * token than the other revokes: two tokens, a token in the query, two Authorization headers, an encoded body.
 */
async function readForm(
  req: IncomingMessage,
  query: string,
): Promise<{ body: Buffer; token: string | undefined } | Extract<RevokeOutcome, { kind: 'fault' }>> {
  const type = req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== FORM || req.headers['content-encoding'] !== undefined) return refusal(faults.badRequest, 'content-type')
  if (countOf(req.rawHeaders, 'authorization') > 1) return refusal(faults.badRequest, 'two-credentials')
  const body = await readBody(req)
  if (body === 'too-large') return refusal(faults.entityTooLarge, 'body-too-large')
  if (body === 'client-left') return refusal(faults.badRequest, 'client-left')
  const tokens = new URLSearchParams(body.toString('utf8')).getAll('token')
  if (tokens.length > 1 || new URLSearchParams(query).has('token')) return refusal(faults.badRequest, 'two-tokens')
  return { body, token: tokens[0]?.trim() }
}

async function readBody(req: IncomingMessage): Promise<Buffer | 'too-large' | 'client-left'> {
  if (Number(req.headers['content-length'] ?? 0) > MAX_FORM) return 'too-large'
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    req.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= MAX_FORM) chunks.push(chunk)
      else {
        // Not destroyed: the answer has to go out first.
        req.pause()
        resolve('too-large')
      }
    })
    req.on('end', () => resolve(Buffer.concat(chunks)))
    req.on('error', () => resolve('client-left'))
    req.on('close', () => resolve('client-left'))
  })
}

function answerHeaders({ headers, body }: Answer): string[] {
  const raw = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one === undefined || name === 'content-length' ? [] : [name, one])),
  )
  return [...responseHeaders(raw), 'content-length', String(body.length)]
}

function countOf(rawHeaders: readonly string[], name: string): number {
  return rawHeaders.filter((part, i) => i % 2 === 0 && part.toLowerCase() === name).length
}

function refusal(fault: Fault, reason: string): Extract<RevokeOutcome, { kind: 'fault' }> {
  return { kind: 'fault', fault, reason }
}
