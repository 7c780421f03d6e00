import type { Dispatcher } from 'undici'
import type { Secret } from '../config/index.js'
import { basicCredentials } from '../http-client/index.js'
import {
  AccessTokenSource,
  type ClientAuthentication,
  type Grant,
  KeyManagerCredentialsError,
} from './access-token-source.js'

/** How the gateway authenticates at the key manager. */
export interface KeyManagerCredentials {
  /** The `Authorization` header to send; `undefined` for none. Rejects with {@link KeyManagerCredentialsError}. */
  authorization(): Promise<string | undefined>
  /** Reports a 401 to this header. Returns whether a retry with a new one makes sense. */
  rejected(authorization: string | undefined): boolean
}

interface ClientSettings {
  readonly enabled: boolean
  readonly clientId: string
  readonly clientSecret: Secret
  readonly scopes: string
}

/** `[keymanager.security]`, as the configuration has it. */
export interface KeyManagerSecurity {
  readonly basic: { readonly enabled: boolean; readonly username: string; readonly password: Secret }
  readonly oauth2: {
    readonly enabled: boolean
    readonly credentialBearer: ClientAuthentication
    readonly tokenUrl?: string | undefined
    readonly clientCredential: ClientSettings
    readonly password: ClientSettings & { readonly username: string; readonly password: Secret }
    readonly directToken: { readonly enabled: boolean; readonly accessToken: Secret }
    readonly refresh: ClientSettings & { readonly refreshUrl?: string | undefined; readonly refreshToken: Secret }
  }
}

/**
 * OAuth 2 if it is enabled (WSO2 leaves `basic.enabled` at its default then), else Basic (RFC 7617), else none. A direct
 * token may be combined with the refresh grant, which replaces it once it is rejected; otherwise exactly one grant is
 * enabled. Throws {@link KeyManagerCredentialsError} for incomplete settings.
 */
export function keyManagerCredentials(
  { basic, oauth2 }: KeyManagerSecurity,
  client: Dispatcher,
  now: () => number = Date.now,
): KeyManagerCredentials {
  if (!oauth2.enabled) {
    if (!basic.enabled || basic.username === '') return fixed(undefined)
    return fixed(basicCredentials(basic.username, basic.password.reveal()))
  }
  const grant = grantOf(oauth2)
  const { directToken, credentialBearer } = oauth2
  if (grant === undefined) return fixed(`Bearer ${directToken.accessToken.reveal()}`)
  return new AccessTokenSource({
    grant,
    authentication: credentialBearer,
    client,
    now,
    ...(directToken.enabled ? { initial: directToken.accessToken } : {}),
  })
}

/** `undefined`: the direct token alone. */
function grantOf({ tokenUrl, ...oauth2 }: KeyManagerSecurity['oauth2']): Grant | undefined {
  const { clientCredential, password, directToken, refresh } = oauth2
  const enabled = [clientCredential, password, directToken].filter((grant) => grant.enabled)
  if (enabled.length > 1) throw invalid('only one of clientCredential, password and directToken can be enabled')
  if (directToken.enabled && directToken.accessToken.isEmpty) throw invalid('directToken.accessToken is missing')
  if (refresh.enabled) {
    if (clientCredential.enabled || password.enabled)
      throw invalid('refresh can be enabled alone or with directToken, not with another grant')
    if (refresh.refreshToken.isEmpty) throw invalid('refresh.refreshToken is missing')
    const url = required(refresh.refreshUrl ?? tokenUrl, 'refresh.refreshUrl')
    return { type: 'refresh_token', url, ...clientOf(refresh), refreshToken: refresh.refreshToken }
  }
  if (directToken.enabled) return undefined
  const url = required(tokenUrl, 'tokenUrl')
  if (clientCredential.enabled) return { type: 'client_credentials', url, ...clientOf(clientCredential) }
  if (!password.enabled) throw invalid('no grant is enabled')
  return {
    type: 'password',
    url,
    ...clientOf(password),
    username: required(password.username, 'password.username'),
    password: password.password,
  }
}

function clientOf({ clientId, clientSecret, scopes }: ClientSettings) {
  return { clientId, clientSecret, scopes }
}

function required(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw invalid(`${name} is missing`)
  return value
}

function invalid(what: string): KeyManagerCredentialsError {
  return new KeyManagerCredentialsError(`keyManager.security.oauth2: ${what}`)
}

function fixed(authorization: string | undefined): KeyManagerCredentials {
  return { authorization: async () => authorization, rejected: () => false }
}
