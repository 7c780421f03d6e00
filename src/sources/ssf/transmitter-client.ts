import { CallError, call } from '../../http-client/index.js'
import { describeTarget } from '../../logging/index.js'
import { TransmitterError } from './transmitter-error.js'
import { metadataUrls, readMetadata, type TransmitterMetadata } from './transmitter-metadata.js'

/** The access token for a transmitter: fetched on demand. `src/auth` has it for client credentials. */
export interface AccessToken {
  /** The `Authorization` header. Rejects if there is none. */
  authorization(): Promise<string>
  /** Call for a 401. Returns whether to repeat the request once. */
  rejected(authorization: string): boolean
}

export interface TransmitterClientOptions {
  readonly issuer: string
  readonly client: Parameters<typeof call>[0]
  readonly token: AccessToken
}

/** A request to an endpoint of a transmitter. */
export interface TransmitterRequest {
  readonly url: string
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly body?: unknown
  /** Bytes of the answer. Default 256 KiB. */
  readonly maxBytes?: number
  readonly signal: AbortSignal
}

const TIMEOUT = 10_000
const MAX_BYTES = 262_144

/** Calls a transmitter. Every method rejects with {@link TransmitterError}. */
export class TransmitterClient {
  readonly #options: TransmitterClientOptions

  constructor(options: TransmitterClientOptions) {
    this.#options = options
  }

  /** The transmitter's metadata, from either place; they need no access token. */
  async metadata(signal: AbortSignal): Promise<TransmitterMetadata> {
    const { issuer, client } = this.#options
    for (const url of metadataUrls(issuer)) {
      const answer = await reached(call(client, { url, timeout: TIMEOUT, maxBytes: MAX_BYTES, signal }))
      if (answer.status === 404) continue
      if (answer.status !== 200) throw unexpected(url, answer.status)
      return readMetadata(json(url, answer.body), issuer)
    }
    const where = describeTarget(issuer)
    throw new TransmitterError('metadata', `${where} has no .well-known/ssf-configuration: correct transmitter`)
  }

  /**
   * The JSON of a 2xx answer; `undefined` for an empty one. After a 401 the request is sent once more, with a new access
   * token.
   */
  async request(request: TransmitterRequest): Promise<unknown> {
    const first = await this.#send(request)
    const answer = first.status === 401 && first.renewed ? await this.#send(request) : first
    const { status, body } = answer
    if (status === 401 || status === 403) {
      const message = `${describeTarget(request.url)} answered ${status}: correct clientId, clientSecret or scopes`
      throw new TransmitterError('credentials', message, { status })
    }
    if (status < 200 || status > 299) throw unexpected(request.url, status)
    return body.length === 0 ? undefined : json(request.url, body)
  }

  async #send({ url, method, body, maxBytes = MAX_BYTES, signal }: TransmitterRequest) {
    const { client, token } = this.#options
    const authorization = await token.authorization().catch((cause: unknown) => {
      throw new TransmitterError('credentials', 'no access token for the transmitter', { cause })
    })
    const answer = await reached(
      call(client, {
        url,
        method,
        headers: { authorization, accept: 'application/json', 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        timeout: TIMEOUT,
        maxBytes,
        signal,
      }),
    )
    return { ...answer, renewed: answer.status === 401 && token.rejected(authorization) }
  }
}

async function reached<Answer>(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (cause) {
    if (!(cause instanceof CallError)) throw cause
    throw new TransmitterError('unreachable', 'the transmitter did not answer', { cause })
  }
}

function unexpected(url: string, status: number): TransmitterError {
  return new TransmitterError('status', `${describeTarget(url)} answered ${status}`, { status })
}

function json(url: string, body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new TransmitterError('answer', `${describeTarget(url)} answered no JSON`)
  }
}
