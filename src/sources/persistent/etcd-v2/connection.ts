import type { Dispatcher } from 'undici'
import type { Secret } from '../../../config/index.js'
import { type Answer, basicCredentials, type Call, CallError, openCall } from '../../../http-client/index.js'
import { describeTarget } from '../../../logging/index.js'
import { StoreError } from '../../source.js'
import type { Patience } from '../patience.js'

export interface ConnectionOptions {
  readonly servers: readonly string[]
  readonly client: Dispatcher
  /** Basic authentication; none if empty or absent. */
  readonly username?: string
  readonly password?: Secret
}

export type EtcdCall = Pick<Call, 'method' | 'body' | 'timeout' | 'maxBytes' | 'signal'> & {
  readonly path: string
  /** Gives up a server that says nothing before `timeout`. */
  readonly patience?: Patience
}

/** An answer as it begins; its body is read once, or the call is aborted. */
export interface EtcdAnswer {
  readonly status: number
  /** etcd's index when it answered: everything up to it is in the answer. */
  readonly index: number | undefined
  readonly body: AsyncIterable<Buffer>
  readonly server: string
}

/** etcd's own errors, in the body of an answer. */
export const ERROR = {
  KEY_NOT_FOUND: 100,
  COMPARE_FAILED: 101,
  NOT_A_FILE: 102,
  NOT_A_DIRECTORY: 104,
  KEY_EXISTS: 105,
  INDEX_CLEARED: 401,
} as const

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

  /** Throws {@link StoreError} when no server can be called, and for refused credentials. */
  async open(call: EtcdCall): Promise<EtcdAnswer> {
    const { servers, client } = this.#options
    for (let tried = 1; ; tried++) {
      call.signal?.throwIfAborted()
      const server = servers[this.#server] ?? ''
      const { path, patience, ...request } = call
      const asked = performance.now()
      const headers = {
        ...this.#headers,
        ...(call.body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      }
      try {
        const idle = patience === undefined ? {} : { idleTimeout: patience.ms }
        const answer = await openCall(client, { ...request, ...idle, url: server + path, headers })
        patience?.rewarded(performance.now() - asked)
        return { ...answer, server, index: indexOf(answer.headers) }
      } catch (cause) {
        this.leave(server) // also for a caller that gave up: it may have waited for a frozen server
        call.signal?.throwIfAborted()
        if (isIdle(cause)) patience?.lost()
        if (tried >= servers.length) throw unreachable(server, cause)
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
    return { status, index, server, json: await readJson(body, server) }
  }
}

/** Reads a short answer. Throws {@link StoreError} for what is no JSON. */
export async function readJson(body: AsyncIterable<Buffer>, server: string): Promise<unknown> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of body) chunks.push(chunk)
  } catch (cause) {
    throw unreachable(server, cause)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown
  } catch {
    throw new StoreError('ERR_STORE_ANSWER', `etcd at ${describeTarget(server)} answered with no JSON`)
  }
}

/** Whether a call was given up because nothing came. */
export function isIdle(error: unknown): boolean {
  return error instanceof CallError && error.code === 'ERR_CALL_IDLE'
}

/** etcd's number of an error, from its body. */
export function errorCode(json: unknown): number | undefined {
  if (typeof json !== 'object' || json === null || !('errorCode' in json)) return undefined
  return typeof json.errorCode === 'number' ? json.errorCode : undefined
}

/** The error for an answer that is none of those that the caller knows. Never quotes it: it may name a key. */
export function statusError(server: string, status: number): StoreError {
  const code = status === 401 || status === 403 ? 'ERR_STORE_CREDENTIALS' : 'ERR_STORE_STATUS'
  return new StoreError(code, `etcd at ${describeTarget(server)} answered ${status}`)
}

export function unreachable(server: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause
  const why = cause instanceof CallError ? cause : undefined
  return new StoreError('ERR_STORE_UNREACHABLE', `etcd at ${describeTarget(server)} could not be called`, {
    cause: why,
  })
}

function indexOf(headers: Answer['headers']): number | undefined {
  const index = Number(headers['x-etcd-index'] ?? Number.NaN)
  return Number.isSafeInteger(index) ? index : undefined
}
