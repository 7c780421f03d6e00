/** As much of npm oidc-provider, which has no types of its own, as the tests use. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'

  /** As much of Koa's context. */
  interface Context {
    status: number
    body: unknown
  }

  export class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>)
    callback(): RequestListener
    use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): void
  }
}
