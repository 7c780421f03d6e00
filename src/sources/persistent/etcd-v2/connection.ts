import type { Dispatcher } from 'undici'
import type { Secret } from '../../../config/index.js'
import { type Answer, basicCredentials, type Call, openCall } from '../../../http-client/index.js'
import { describeTarget } from '../../../logging/index.js'
import type { AdaptiveTimeout } from '../../../time/index.js'
import { STORE_KEYS } from '../../remedies.js'
import { StoreError } from '../../source.js'
import type { EtcdEndpoint } from '../etcd/endpoint.js'
import { isIdle, notConnected, unreachable } from './error.js'

export interface ConnectionOptions {
  readonly servers: readonly string[]
  readonly client: Dispatcher
  /** Basic authentication; none if empty or absent. */
  readonly username?: string
  readonly password?: Secret
  /** Where revoked tokens are, for the URL that an error names. */
  readonly prefix: EtcdEndpoint['prefix']
}

export type EtcdCall = Pick<Call, 'method' | 'body' | 'timeout' | 'maxBytes' | 'signal'> & {
  readonly path: string
  /** Gives up a server that says nothing before `timeout`. */
  readonly idleTimeout?: AdaptiveTimeout
  /** Asks this server alone. */
  readonly server?: string
}

/** An answer as it begins; its body is read once, or the call is aborted. */
export interface EtcdAnswer {
  readonly status: number
  /** etcd's index when it answered: everything up to it is in the answer. */
  readonly index: number | undefined
  readonly body: AsyncIterable<Buffer>
  readonly server: string
}

/** Calls an etcd by its v2 API: one server until it can't be called, then the next. */
export class EtcdV2Connection {
  readonly #options: ConnectionOptions
  readonly #headers: Readonly<Record<string, string>>
  #server = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { username, password } = options
    this.#headers = username ? { authorization: basicCredentials(username, password?.reveal() ?? '') } : {}
  }

  /** Throws {@link StoreError} when no server can be called, and for refused credentials. Answers 5xx if all do that can be. */
  async open(call: EtcdCall): Promise<EtcdAnswer> {
    const { servers, client } = this.#options
    const most = call.server === undefined ? servers.length : 1
    for (let tried = 1; ; tried++) {
      call.signal?.throwIfAborted()
      const { path, idleTimeout, server = servers[this.#server] ?? '', ...request } = call
      const asked = performance.now()
      const headers = {
        ...this.#headers,
        ...(call.body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      }
      try {
        const idle = idleTimeout === undefined ? {} : { idleTimeout: idleTimeout.ms }
        const answer = await openCall(client, { ...request, ...idle, url: server + path, headers })
        idleTimeout?.answered(performance.now() - asked)
        if (answer.status >= 500) {
          this.leave(server) // a member that is cut off fails what a majority must take part in
          if (tried < most) {
            await discard(answer.body)
            continue
          }
        }
        return { ...answer, server, index: indexOf(answer.headers) }
      } catch (cause) {
        this.leave(server) // also for a caller that gave up: it may have waited for a frozen server
        call.signal?.throwIfAborted()
        if (isIdle(cause)) idleTimeout?.timedOut()
        if (tried >= most) throw await notConnected(server, cause)
      }
    }
  }

  /** Turns to the next server, unless another call has done so already. */
  leave(server: string): void {
    const { servers } = this.#options
    if (servers[this.#server] === server) this.#server = (this.#server + 1) % servers.length
  }

  /** As {@link open}, with the whole body as JSON. */
  async call(call: EtcdCall): Promise<{ status: number; index: number | undefined; server: string; json: unknown }> {
    const { status, index, body, server } = await this.open(call)
    return { status, index, server, json: await this.read({ status, body, server }) }
  }

  /** Reads a short answer. Throws {@link StoreError} for invalid JSON, which is how a server answers that has no v2 API. */
  async read({ status, body, server }: Pick<EtcdAnswer, 'status' | 'body' | 'server'>): Promise<unknown> {
    const text = await readText(body, server)
    try {
      return JSON.parse(text) as unknown
    } catch {
      throw this.#noJson(server, status === 404 && text.startsWith('404 page not found'))
    }
  }

  #noJson(server: string, lacksApi: boolean): StoreError {
    const name = `etcd at ${describeTarget(server)}`
    if (!lacksApi) return new StoreError('ERR_STORE_ANSWER', `${name} answered with invalid JSON`)
    const { servers, prefix } = this.#options
    const remedy = `write "${servers.join(',')}/v3/keys/${prefix}" in ${STORE_KEYS.url}`
    return new StoreError('ERR_STORE_STATUS', `${name} has no v2 API (404 page not found): ${remedy}`)
  }
}

/** Reads an answer that is not needed, so that its connection can be used again. */
async function discard(body: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const _ of body);
  } catch {} // the next server is asked in any case
}

async function readText(body: AsyncIterable<Buffer>, server: string): Promise<string> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of body) chunks.push(chunk)
  } catch (cause) {
    throw unreachable(server, cause)
  }
  return Buffer.concat(chunks).toString()
}

function indexOf(headers: Answer['headers']): number | undefined {
  const index = Number(headers['x-etcd-index'] ?? Number.NaN)
  return Number.isSafeInteger(index) ? index : undefined
}
