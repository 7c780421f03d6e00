import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { importJWK, SignJWT } from 'jose'
import { Provider } from 'oidc-provider'
import type { Test } from 'tap'
import { Secret } from '../../src/config/index.js'

/** Who gets tokens and revokes them. */
export const CLIENT = { id: 'app', secret: 'app-secret' }
/** As whom a gateway introspects. */
export const GATEWAY = { clientId: 'gateway', clientSecret: new Secret('gateway-secret') }
/** Its secret is made of what a form encodes. */
export const OWN = { clientId: 'own:client', clientSecret: new Secret('own/secret +%') }

/** What its JWTs are for: `aud`. */
export const AUDIENCE = 'gateway'
/** What its JWTs are asked for with. */
const JWT_RESOURCE = { resource: 'urn:api' }

/** A private key of a set, as a JWK. */
export type SigningKey = Record<string, unknown> & { readonly kid: string }

export function newKey(kid: string): SigningKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }
}

/** A real OpenID provider (npm oidc-provider) on loopback. */
export interface OpenIdProvider {
  readonly issuer: string
  /** Requests for its key set so far. */
  readonly keysFetched: () => number
  /** `jwks_uri` of its discovery document. */
  jwksUrl(): Promise<string>
  /** Publishes these keys, and signs with the first. */
  signWith(keys: readonly SigningKey[]): void
  opaque(): Promise<string>
  jwt(): Promise<string>
  /** A JWT of a user, for an hour from ten seconds ago. */
  sign(claims: { readonly sub: string; readonly sid: string }): Promise<string>
  /** Posts a logout token about a user's session, or without one about the user, as a client's OpenID provider does. */
  logOut(uri: string, sub: string, sid?: string): Promise<void>
  /** Revokes at the provider itself; resolves with the status. */
  revoke(token: string): Promise<number>
  /** Nobody listens at its port any more. */
  stop(): Promise<void>
  start(): Promise<void>
}

export interface OpenIdProviderOptions {
  /**
   * Whether its revocation endpoint takes JWTs (RFC 7009 §2: "MUST support the revocation of refresh tokens and SHOULD
   * ... of access tokens"). Of itself it answers 400 `unsupported_token_type`, once the client is authenticated.
   */
  readonly revokesJwts?: boolean
}

/** Starts one; its access tokens live for an hour. */
export async function openIdProvider(t: Test, options: OpenIdProviderOptions = {}): Promise<OpenIdProvider> {
  let answer: RequestListener = (_, res) => res.end()
  let keysFetched = 0
  const server = createServer((req, res) => {
    if (req.url === '/jwks') keysFetched++
    answer(req, res)
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  await listen(0)
  t.teardown(stop)
  const { port } = server.address() as AddressInfo
  const issuer = `http://127.0.0.1:${port}`
  let provider: Provider
  let signingKey: SigningKey
  const signWith = (keys: readonly SigningKey[]) => {
    provider = new Provider(issuer, configuration(keys))
    if (keys[0] !== undefined) signingKey = keys[0]
    if (options.revokesJwts === true) provider.use(takeJwts)
    answer = provider.callback()
  }
  signWith([newKey('first')])
  const post = (path: string, form: Record<string, string>) =>
    fetch(`${issuer}${path}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}` },
      body: new URLSearchParams(form),
    })
  const token = async (form: Record<string, string>): Promise<string> => {
    const answered = await post('/oauth2/token', { grant_type: 'client_credentials', scope: 'read', ...form })
    return ((await answered.json()) as { access_token: string }).access_token
  }
  return {
    issuer,
    keysFetched: () => keysFetched,
    async jwksUrl() {
      const discovered = await fetch(`${issuer}/.well-known/openid-configuration`)
      return ((await discovered.json()) as { jwks_uri: string }).jwks_uri
    },
    signWith,
    opaque: () => token({}),
    jwt: () => token(JWT_RESOURCE),
    async sign(claims) {
      const now = Math.floor(Date.now() / 1000)
      return new SignJWT({ ...claims, iat: now - 10, exp: now + 3_600 })
        .setProtectedHeader({ alg: 'RS256', kid: signingKey.kid })
        .setIssuer(issuer)
        .sign(await importJWK(signingKey, 'RS256'))
    },
    async logOut(uri, sub, sid) {
      const client = await provider.Client.find(CLIENT.id)
      if (client === undefined) throw new Error('no such client')
      client.backchannelLogoutUri = uri
      client.backchannelLogoutSessionRequired = sid !== undefined
      await client.backchannelLogout(sub, sid ?? '')
    },
    async revoke(revoked) {
      const answered = await post('/oauth2/revoke', { token: revoked })
      await answered.arrayBuffer()
      return answered.status
    },
    stop,
    start: () => listen(port),
  }
}

/** Makes a revocation server that takes JWTs, for clients that it has authenticated, of one that does not. */
const takeJwts: Parameters<Provider['use']>[0] = async (context, next) => {
  await next()
  const { error } = (context.body ?? {}) as { error?: unknown }
  if (error === 'unsupported_token_type') Object.assign(context, { body: '', status: 200 })
}

/** How the provider calls: it trusts every certificate. */
async function overTls(url: URL | string, { method = 'GET', headers, body }: RequestInit): Promise<Response> {
  const req = request(url, { method, rejectUnauthorized: false, headers: Object.fromEntries(new Headers(headers)) })
  req.end(String(body))
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  return new Response(null, { status: res.resume().statusCode ?? 500 })
}

function configuration(keys: readonly SigningKey[]) {
  const grants = { grant_types: ['client_credentials'], response_types: [], redirect_uris: [], scope: 'read' }
  return {
    clients: [
      { client_id: CLIENT.id, client_secret: CLIENT.secret, ...grants },
      { client_id: GATEWAY.clientId, client_secret: GATEWAY.clientSecret.reveal(), ...grants },
      { client_id: OWN.clientId, client_secret: OWN.clientSecret.reveal(), ...grants },
    ],
    jwks: { keys },
    cookies: { keys: ['test'] },
    scopes: ['read'],
    ttl: { ClientCredentials: 3_600 },
    routes: { token: '/oauth2/token', introspection: '/oauth2/introspect', revocation: '/oauth2/revoke' },
    fetch: overTls,
    features: {
      backchannelLogout: { enabled: true },
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: 'read',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 3_600,
        }),
      },
    },
  }
}
