import type { Dispatcher } from 'undici'
import { type Answer, call } from '../http-client/index.js'
import { describeTarget } from '../logging/index.js'
import { readObject } from '../token/index.js'
import type { Claims } from './claims.js'
import type { KeyManagerCredentials } from './key-manager-credentials.js'

/** Bytes of an answer: the largest token's claims, and more. */
const MAX_BYTES = 256 * 1024

/** The key manager said nothing that could be relied on. Its message names the host, never the token or credentials. */
export class IntrospectionError extends Error {
  override readonly name = 'IntrospectionError'
  readonly code = 'ERR_INTROSPECTION'
}

export interface IntrospectionOptions {
  readonly serverUrl: string
  readonly tokenContext: string
  readonly client: Dispatcher
  readonly credentials: KeyManagerCredentials
  /** Milliseconds for one call. */
  readonly timeout: number
}

/** What a key manager says of tokens: `POST {serverUrl}/{tokenContext}/introspect` (RFC 7662). */
export class Introspection {
  readonly #options: IntrospectionOptions
  readonly #url: string

  constructor(options: IntrospectionOptions) {
    this.#options = options
    const { origin, pathname } = new URL(options.serverUrl)
    const path = [pathname, options.tokenContext].flatMap((part) => part.split('/').filter((name) => name !== ''))
    this.#url = [origin, ...path, 'introspect'].join('/')
  }

  /**
   * The claims of an active token; `undefined` for one that is not active. Throws {@link IntrospectionError} for any
   * answer that is not RFC 7662's, `CallError` without one, and what the credentials throw.
   */
  async ask(token: string, signal: AbortSignal): Promise<Claims | undefined> {
    const { credentials } = this.#options
    const authorization = await credentials.authorization()
    const answer = await this.#post(token, authorization, signal)
    if (answer.status !== 401 || !credentials.rejected(authorization)) return this.#read(answer)
    return this.#read(await this.#post(token, await credentials.authorization(), signal))
  }

  #post(token: string, authorization: string | undefined, signal: AbortSignal): Promise<Answer> {
    const { client, timeout } = this.#options
    return call(client, {
      url: this.#url,
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
      timeout,
      maxBytes: MAX_BYTES,
      signal,
    })
  }

  #read({ status, body }: Answer): Claims | undefined {
    const where = describeTarget(this.#url)
    if (status !== 200) throw new IntrospectionError(`${where} answered ${status}`)
    const claims = readObject(body.toString('base64url'))
    if (typeof claims?.active !== 'boolean') throw new IntrospectionError(`${where} answered no introspection`)
    return claims.active ? claims : undefined
  }
}
