import { isIP } from 'node:net'
import { type Config, loadKeys, type Secret } from '../config/index.js'
import { codeOf } from '../error-code.js'
import { describeError } from '../logging/describe.js'

/** Where a command finds a running gateway. */
export interface AdminListenerOptions {
  readonly config: string
  /** Base URL of its admin listener; absent: as the configuration says. */
  readonly admin?: string
}

/** The gateway cannot be asked. Its message says what to do about it, and holds no secret. */
export class GatewayUnreachable extends Error {
  override readonly name = 'GatewayUnreachable'
}

/** How long an answer may take, ms: a key manager may have to be asked. */
const ANSWERED_WITHIN = 30_000

/** Where the configuration says what its URL is; the last is WSO2's. */
const URL_KEYS = ['admin.host', 'admin.port', 'b7a.observability.metrics']
const TOKEN_KEYS = ['admin.token']

/** The admin listener of a gateway that runs. */
export class AdminListener {
  readonly #url: string
  readonly #token: Secret | undefined

  private constructor(url: string, token: Secret | undefined) {
    this.#url = url
    this.#token = token
  }

  /** Reads the configuration's URL, unless one is given. Throws the problems of these keys alone. */
  static async of(options: AdminListenerOptions): Promise<AdminListener> {
    return AdminListener.#open(options, false)
  }

  /** With its token, for {@link post}. Throws the problems of the keys in `[admin]` that it reads. */
  static async withToken(options: AdminListenerOptions): Promise<AdminListener> {
    return AdminListener.#open(options, true)
  }

  static async #open({ config: file, admin }: AdminListenerOptions, needsToken: boolean): Promise<AdminListener> {
    const url = admin ?? urlOf(await loadKeys(file, process.env, URL_KEYS))
    const token = needsToken ? (await loadKeys(file, process.env, TOKEN_KEYS)).admin.token : undefined
    return new AdminListener(url.replace(/\/$/, ''), token)
  }

  /** The JSON that a path answers, whatever the status but 4xx other than 422. Throws {@link GatewayUnreachable}. */
  async get(path: string): Promise<unknown> {
    return this.#answer(path, {})
  }

  /** Posts JSON with the admin token. Throws {@link GatewayUnreachable}. */
  async post(path: string, body: object): Promise<unknown> {
    const token = this.#token
    if (token === undefined || token.isEmpty)
      throw new GatewayUnreachable('[admin] token is not configured: set it, and restart the gateway')
    const headers = { authorization: `Bearer ${token.reveal()}`, 'content-type': 'application/json' }
    return this.#answer(path, { method: 'POST', headers, body: JSON.stringify(body) })
  }

  async #answer(path: string, init: RequestInit): Promise<unknown> {
    let answer: Response
    try {
      answer = await fetch(this.#url + path, {
        ...init,
        signal: AbortSignal.timeout(ANSWERED_WITHIN),
        redirect: 'error',
      })
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
      const why = codeOf(cause) ?? describeError(cause)
      throw new GatewayUnreachable(`no gateway answers at ${this.#url} (${why}): is it running, is this its [admin]?`)
    }
    const value: unknown = await answer.json().catch(() => undefined)
    if (answer.status < 400 || answer.status === 422 || answer.status === 503) return value
    throw new GatewayUnreachable(
      `${this.#url}${path} answered ${answer.status}${REMEDIES[answer.status] ?? problemIn(value)}`,
    )
  }
}

const REMEDIES: Readonly<Record<number, string>> = {
  401: ': the gateway has another [admin] token than this configuration',
  404: ': the gateway has no [admin] token, or is older than this command',
  421: ': add the host to [admin] hosts',
}

function problemIn(value: unknown): string {
  const isProblem = typeof value === 'object' && value !== null && 'problem' in value
  return isProblem ? `: ${value.problem}` : ''
}

function urlOf({ admin: { host, port } }: Config): string {
  if (port === 0) throw new GatewayUnreachable('[admin] port is 0, any free one: say --admin http://127.0.0.1:<port>')
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${isIP(reached) === 6 ? `[${reached}]` : reached}:${port}`
}
