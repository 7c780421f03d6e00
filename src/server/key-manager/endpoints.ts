import { keyManagerUrl } from '../../auth/index.js'
import type { Cors } from '../../config/index.js'

/** An endpoint of the key manager: where it is, and what the gateway does with a request for it. */
export interface KeyManagerEndpoint {
  readonly origin: string
  readonly path: string
  /**
   * - `forward`: sends it to the key manager as it came
   * - `revoke`: enters what the key manager revokes into the list before it answers
   * - `authenticate`: authenticates the access token and looks it up in the list, as for an API, then forwards
   */
  readonly action: 'forward' | 'revoke' | 'authenticate'
  /** What pages of other origins may do there. */
  readonly cors: Cors | undefined
}

const ENDPOINTS: readonly (readonly [method: string, path: string, action: KeyManagerEndpoint['action']])[] = [
  ['POST', '/token', 'forward'],
  ['POST', '/revoke', 'revoke'],
  ['GET', '/authorize', 'forward'],
  ['GET', '/userinfo', 'authenticate'],
]
/** A browser is sent there, and does not call it. */
const WITHOUT_CORS = '/authorize'
const LONGEST_PATH = Math.max(...ENDPOINTS.map(([, path]) => path.length))

/** The key manager's endpoints that the gateway's secure listeners serve: `{serverUrl}/{tokenContext}{path}`. */
export class KeyManagerEndpoints {
  readonly #targets: ReadonlyMap<string, KeyManagerEndpoint>
  readonly #cors: Cors | undefined

  /** @param cors `[keyManager.cors]` */
  constructor(serverUrl: string, tokenContext: string, cors?: Cors) {
    this.#cors = cors
    const { origin } = new URL(serverUrl)
    this.#targets = new Map(
      ENDPOINTS.map(([method, path, action]) => {
        const url = keyManagerUrl(serverUrl, tokenContext, path.slice(1))
        return [`${method} ${path}`, { origin, path: url.slice(origin.length), action, cors: corsAt(path, cors) }]
      }),
    )
  }

  find(method: string, path: string): KeyManagerEndpoint | undefined {
    // One comparison for nearly every request: these paths are short.
    if (path.length > LONGEST_PATH) return undefined
    return this.#targets.get(`${method} ${path}`)
  }

  /** What pages of other origins may do at a path: for a preflight, whose method is not the endpoint's. */
  corsAt(path: string): Cors | undefined {
    return path.length <= LONGEST_PATH && PATHS.has(path) ? corsAt(path, this.#cors) : undefined
  }
}

const PATHS: ReadonlySet<string> = new Set(ENDPOINTS.map(([, path]) => path))

function corsAt(path: string, cors: Cors | undefined): Cors | undefined {
  return path === WITHOUT_CORS ? undefined : cors
}
