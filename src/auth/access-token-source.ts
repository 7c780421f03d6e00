import type { Dispatcher } from 'undici'
import type { Secret } from '../config/index.js'
import type { KeyManagerCredentials } from './key-manager-credentials.js'
import { type ClientAuthentication, type IssuedToken, requestToken } from './token-request.js'

interface Client {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: Secret
  /** Separated by spaces; empty: whatever the server gives. */
  readonly scopes: string
}

/** The grant of RFC 6749 by which the gateway gets its own access token. */
export type Grant = Client &
  (
    | { readonly type: 'client_credentials' }
    | { readonly type: 'password'; readonly username: string; readonly password: Secret }
    | { readonly type: 'refresh_token'; readonly refreshToken: Secret }
  )

export interface AccessTokenSourceOptions {
  readonly grant: Grant
  readonly authentication: ClientAuthentication
  readonly client: Dispatcher
  /** The token to begin with, used until the key manager rejects it. */
  readonly initial?: Secret
  readonly now: () => number
}

/** A token is not used in the last part of its life, ms, or tenth of it if that is less: it must arrive alive. */
const EXPIRY_MARGIN = 30_000
/** How long a token of unknown life is used, ms: until then a 401 says that it is dead. */
const UNKNOWN_LIFETIME = 300_000
/** At least this long between two requests after one that failed, or between a token and the next that replaces it, ms. */
const COOLDOWN = 1_000

/** An access token that is fetched when it is needed, once for all who need it, and kept until shortly before its end. */
export class AccessTokenSource implements KeyManagerCredentials {
  readonly #options: AccessTokenSourceOptions
  #authorization: string | undefined
  #usableUntil = Number.POSITIVE_INFINITY
  #refreshToken: Secret | undefined
  #fetching: Promise<string> | undefined
  #failure: { readonly cause: unknown; readonly at: number } | undefined
  #issuedAt = Number.NEGATIVE_INFINITY

  constructor(options: AccessTokenSourceOptions) {
    this.#options = options
    if (options.initial !== undefined) this.#authorization = bearer(options.initial)
  }

  authorization(): Promise<string> {
    const now = this.#options.now()
    if (this.#authorization !== undefined && now < this.#usableUntil) return Promise.resolve(this.#authorization)
    if (this.#failure !== undefined && now < this.#failure.at + COOLDOWN) return Promise.reject(this.#failure.cause)
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  rejected(authorization: string | undefined): boolean {
    // A late 401 to a token that has been replaced since: the newer one may do.
    if (authorization !== this.#authorization) return true
    // A fresh token that is rejected would be by the next one's side: who asks for it would load the server for nothing.
    if (this.#options.now() < this.#issuedAt + COOLDOWN) return false
    this.#authorization = undefined
    return true
  }

  async #fetch(): Promise<string> {
    const { grant, authentication, client, now } = this.#options
    const { url, clientId, clientSecret } = grant
    const begunAt = now()
    try {
      const form = formOf(grant, this.#refreshToken)
      const issued = await requestToken(client, { url, authentication, clientId, clientSecret, form })
      return this.#keep(issued, begunAt)
    } catch (cause) {
      this.#failure = { cause, at: now() }
      throw cause
    }
  }

  #keep({ accessToken, lifetime = UNKNOWN_LIFETIME, refreshToken }: IssuedToken, begunAt: number): string {
    const authorization = bearer(accessToken)
    this.#authorization = authorization
    this.#usableUntil = begunAt + lifetime - Math.min(EXPIRY_MARGIN, lifetime / 10)
    this.#issuedAt = begunAt
    this.#refreshToken = refreshToken ?? this.#refreshToken
    this.#failure = undefined
    return authorization
  }
}

function formOf(grant: Grant, refreshToken: Secret | undefined): Record<string, string> {
  const scope: Record<string, string> = grant.scopes === '' ? {} : { scope: grant.scopes }
  const common = { grant_type: grant.type, ...scope }
  switch (grant.type) {
    case 'client_credentials':
      return common
    case 'password':
      return { ...common, username: grant.username, password: grant.password.reveal() }
    case 'refresh_token':
      return { ...common, refresh_token: (refreshToken ?? grant.refreshToken).reveal() }
  }
}

function bearer(token: Secret): string {
  return `Bearer ${token.reveal()}`
}
