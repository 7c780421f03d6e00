/** Where an endpoint of the key manager is served from, and what the gateway does about it. */
export interface KeyManagerEndpoint {
  readonly origin: string
  readonly path: string
  /**
   * - `pass`: the request goes to the key manager as it came
   * - `revoke`: what is revoked enters the list before the answer leaves
   * - `check`: the access token is authenticated, and looked up in the list, as an API's is
   */
  readonly does: 'pass' | 'revoke' | 'check'
}

const ENDPOINTS: readonly (readonly [method: string, path: string, does: KeyManagerEndpoint['does']])[] = [
  ['POST', '/token', 'pass'],
  ['POST', '/revoke', 'revoke'],
  ['GET', '/authorize', 'pass'],
  ['GET', '/userinfo', 'check'],
]
const LONGEST_PATH = Math.max(...ENDPOINTS.map(([, path]) => path.length))

/** The key manager's endpoints that the gateway's secure listeners pass on to `{serverUrl}/{tokenContext}{path}`. */
export class KeyManagerEndpoints {
  readonly #targets: ReadonlyMap<string, KeyManagerEndpoint>

  constructor(serverUrl: string, tokenContext: string) {
    const { origin, pathname } = new URL(serverUrl)
    const base = [pathname, tokenContext].flatMap((part) => part.split('/').filter((name) => name !== ''))
    this.#targets = new Map(
      ENDPOINTS.map(([method, path, does]) => [
        `${method} ${path}`,
        { origin, path: `/${[...base, path.slice(1)].join('/')}`, does },
      ]),
    )
  }

  find(method: string, path: string): KeyManagerEndpoint | undefined {
    // One comparison for nearly every request: these paths are short.
    if (path.length > LONGEST_PATH) return undefined
    return this.#targets.get(`${method} ${path}`)
  }
}
