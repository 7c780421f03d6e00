/** Where an endpoint of the key manager is served from. */
export interface KeyManagerEndpoint {
  readonly origin: string
  readonly path: string
}

const ENDPOINTS: readonly (readonly [method: string, path: string])[] = [
  ['POST', '/token'],
  ['POST', '/revoke'],
]

/** The key manager's endpoints that the gateway's secure listener passes on to `{serverUrl}/{tokenContext}{path}`. */
export class KeyManagerEndpoints {
  readonly #targets: ReadonlyMap<string, KeyManagerEndpoint>

  constructor(serverUrl: string, tokenContext: string) {
    const { origin, pathname } = new URL(serverUrl)
    const base = [pathname, tokenContext].flatMap((part) => part.split('/').filter((name) => name !== ''))
    this.#targets = new Map(
      ENDPOINTS.map(([method, path]) => [`${method} ${path}`, { origin, path: `/${base.join('/')}${path}` }]),
    )
  }

  find(method: string, path: string): KeyManagerEndpoint | undefined {
    // Two plain comparisons for nearly every request: these paths are short.
    if (path.length > 9) return undefined
    return this.#targets.get(`${method} ${path}`)
  }
}
