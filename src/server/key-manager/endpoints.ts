import { keyManagerUrl } from '../../auth/index.js'

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
}

const ENDPOINTS: readonly (readonly [method: string, path: string, action: KeyManagerEndpoint['action']])[] = [
  ['POST', '/token', 'forward'],
  ['POST', '/revoke', 'revoke'],
  ['GET', '/authorize', 'forward'],
  ['GET', '/userinfo', 'authenticate'],
]
const LONGEST_PATH = Math.max(...ENDPOINTS.map(([, path]) => path.length))

/** The key manager's endpoints that the gateway's secure listeners serve: `{serverUrl}/{tokenContext}{path}`. */
export class KeyManagerEndpoints {
  readonly #targets: ReadonlyMap<string, KeyManagerEndpoint>

  constructor(serverUrl: string, tokenContext: string) {
    const { origin } = new URL(serverUrl)
    this.#targets = new Map(
      ENDPOINTS.map(([method, path, action]) => {
        const url = keyManagerUrl(serverUrl, tokenContext, path.slice(1))
        return [`${method} ${path}`, { origin, path: url.slice(origin.length), action }]
      }),
    )
  }

  find(method: string, path: string): KeyManagerEndpoint | undefined {
    // One comparison for nearly every request: these paths are short.
    if (path.length > LONGEST_PATH) return undefined
    return this.#targets.get(`${method} ${path}`)
  }
}
