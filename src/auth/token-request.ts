import type { Dispatcher } from 'undici'
import { Secret } from '../config/index.js'
import { basicCredentials, call } from '../http-client/index.js'
import { describeTarget } from '../logging/index.js'
import { readObject } from '../token/index.js'

/** Where a client's credentials go (`credentialBearer`): a Basic header, the form, or nowhere. */
export type ClientAuthentication = 'AUTH_HEADER_BEARER' | 'POST_BODY_BEARER' | 'NO_BEARER'

/** No access token for the key manager is to be had, or its settings lack something. Never holds a credential. */
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
  /** Milliseconds; `undefined` if the answer does not say. */
  readonly lifetime: number | undefined
  /** Takes the place of the one that was used. */
  readonly refreshToken: Secret | undefined
}

const TIMEOUT = 5_000
const MAX_BYTES = 256 * 1024
/** RFC 6750 §2.1. */
const B64TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/** Asks a token endpoint. Throws {@link KeyManagerCredentialsError} with the cause. */
export async function requestToken(client: Dispatcher, request: TokenRequest): Promise<IssuedToken> {
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
    throw new KeyManagerCredentialsError(`no access token from ${where}`, { cause })
  })
  if (answer.status !== 200) throw new KeyManagerCredentialsError(`no access token: ${where} answered ${answer.status}`)
  const issued = readObject(answer.body.toString('base64url'))
  const { access_token: accessToken, token_type: type = 'bearer', expires_in: expiresIn } = issued ?? {}
  const usable = typeof accessToken === 'string' && B64TOKEN.test(accessToken)
  if (!usable || typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    throw new KeyManagerCredentialsError(`no access token: ${where} answered none that can be used`)
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
