/** As much of npm oidc-provider, which has no types of its own, as the tests use. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'

  /** As much of Koa's context. */
  interface Context {
    status: number
    body: unknown
  }

  /** As much of a client. */
  interface Client {
    backchannelLogoutUri: string
    backchannelLogoutSessionRequired: boolean
    /** Posts a logout token; rejects unless it is answered 200 or 204. */
    backchannelLogout(sub: string, sid: string): Promise<void>
  }

  export class Provider {
    readonly Client: { find(id: string): Promise<Client | undefined> }
    constructor(issuer: string, configuration: Record<string, unknown>)
    callback(): RequestListener
    use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): void
  }
}
