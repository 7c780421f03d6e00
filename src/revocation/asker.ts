/** Who asked this gateway for a revocation. */
export interface Asker {
  /** `admin`: `POST /revocations`; `revoke`: `/revoke`, with the key manager's consent. */
  readonly via: 'admin' | 'revoke'
  /** The client's address; empty: not known. */
  readonly client: string
  readonly requestId?: string
}
