import type { Dispatcher } from 'undici'
import { Secret } from '../config/index.js'
import { basicCredentials, call } from '../http-client/index.js'
import { describeTarget } from '../logging/index.js'
import { readObject } from '../token/index.js'
import type { KeyManagerCredentials } from './key-manager-credentials.js'

interface Client {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: Secret
  /** Separated by spaces; empty: the server's default. */
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

/** A token is replaced this long (ms), or a tenth of its lifetime if that is less, before it expires: it must arrive valid. */
const EXPIRY_MARGIN = 30_000
/** How long a token of unknown lifetime is used, ms. A 401 ends it earlier. */
const UNKNOWN_LIFETIME = 300_000
/** Minimum time after a failed request, and between a token and its replacement, ms. */
const COOLDOWN = 1_000

/** The gateway's own access token: fetched on demand, once for all who wait, and kept until shortly before it expires. */
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
    // A late 401 to a token that has been replaced since: the newer one may be accepted.
    if (authorization !== this.#authorization) return true
    // If a fresh token is rejected, the next one would be too: asking for it only loads the server.
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

/** Where a client's credentials go (`credentialBearer`): a Basic header, the form, or nowhere. */
export type ClientAuthentication = 'AUTH_HEADER_BEARER' | 'POST_BODY_BEARER' | 'NO_BEARER'

/** No access token for the key manager, or its settings are incomplete. Never holds a credential. */
export class KeyManagerCredentialsError extends Error {
  override readonly name = 'KeyManagerCredentialsError'
  readonly code = 'ERR_KEY_MANAGER_CREDENTIALS'
}

/** A request to a token endpoint (RFC 6749). */
export interface TokenRequest {
  readonly url: string
  readonly authentication: ClientAuthentication
  readonly clientId: string
  readonly clientSecret: Secret
  /** `grant_type` and what belongs to it. */
  readonly form: Readonly<Record<string, string>>
}

export interface IssuedToken {
  readonly accessToken: Secret
  /** Milliseconds; `undefined` if the response does not say. */
  readonly lifetime: number | undefined
  /** Replaces the refresh token that was used. */
  readonly refreshToken: Secret | undefined
}

const TIMEOUT = 5_000
const MAX_BYTES = 256 * 1024
/** RFC 6750 §2.1. */
const B64TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/** Requests a token. Throws {@link KeyManagerCredentialsError} with the cause. */
async function requestToken(client: Dispatcher, request: TokenRequest): Promise<IssuedToken> {
  const where = describeTarget(request.url)
  const answer = await call(client, {
    url: request.url,
    method: 'POST',
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      ...authorizationOf(request),
    },
    body: new URLSearchParams({ ...request.form, ...clientInForm(request) }).toString(),
    timeout: TIMEOUT,
    maxBytes: MAX_BYTES,
  }).catch((cause: unknown) => {
    throw new KeyManagerCredentialsError(`token endpoint ${where} did not respond`, { cause })
  })
  if (answer.status !== 200) throw new KeyManagerCredentialsError(`token endpoint ${where} returned ${answer.status}`)
  const issued = readObject(answer.body.toString('base64url'))
  const { access_token: accessToken, token_type: type = 'bearer', expires_in: expiresIn } = issued ?? {}
  const usable = typeof accessToken === 'string' && B64TOKEN.test(accessToken)
  if (!usable || typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    throw new KeyManagerCredentialsError(`token endpoint ${where} returned no usable access token`)
  }
  const seconds = Number(expiresIn ?? Number.NaN)
  return {
    accessToken: new Secret(accessToken),
    lifetime: Number.isFinite(seconds) ? seconds * 1000 : undefined,
    refreshToken: typeof issued?.refresh_token === 'string' ? new Secret(issued.refresh_token) : undefined,
  }
}

/** RFC 6749 §2.3.1: both parts are form-encoded first. */
function authorizationOf({ authentication, clientId, clientSecret }: TokenRequest): Record<string, string> {
  if (authentication !== 'AUTH_HEADER_BEARER') return {}
  return { authorization: basicCredentials(formEncoded(clientId), formEncoded(clientSecret.reveal())) }
}

/** A public client names itself in the form (RFC 6749 §3.2.1). */
function clientInForm({ authentication, clientId, clientSecret }: TokenRequest): Record<string, string> {
  if (authentication === 'AUTH_HEADER_BEARER' || clientId === '') return {}
  return { client_id: clientId, ...(authentication === 'NO_BEARER' ? {} : { client_secret: clientSecret.reveal() }) }
}

function formEncoded(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice('v='.length)
}
