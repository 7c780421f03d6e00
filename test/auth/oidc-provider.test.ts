import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import t, { type Test } from 'tap'
import { isRefused } from '../../src/auth/authenticator.js'
import { CredentialAuthenticator } from '../../src/auth/credential-authenticator.js'
import { Jwks } from '../../src/auth/jwks.js'
import { keyManagerCredentials } from '../../src/auth/key-manager-credentials.js'
import { OpaqueAuthenticator } from '../../src/auth/opaque.js'
import { Secret } from '../../src/config/secret.js'
import { silent } from '../../src/logging/index.js'
import { httpClient } from '../support/servers.js'
import { noSecurity } from './key-manager.js'
import { authenticator, fingerprints } from './tokens.js'

const CLIENT = { id: 'app', secret: 'app-secret' }
const GATEWAY = { clientId: 'gateway', clientSecret: new Secret('gateway-secret') }
const OWN = { clientId: 'own:client', clientSecret: new Secret('own/secret +%') }

function privateJwk(key: KeyObject, kid: string) {
  return { ...key.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }
}

const newKey = (kid: string) => privateJwk(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, kid)

/** A real OpenID provider on loopback: opaque tokens, and JWTs for the resource `urn:api`. Its keys can be changed. */
async function provider(t: Test) {
  let answer: RequestListener = (_, res) => res.end()
  const server = createServer((req, res) => answer(req, res)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const signWith = (keys: object[]) => {
    answer = new Provider(issuer, configuration(keys)).callback()
  }
  signWith([newKey('first')])
  const post = (path: string, form: Record<string, string>) =>
    fetch(`${issuer}${path}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}` },
      body: new URLSearchParams(form),
    })
  return {
    issuer,
    signWith,
    async token(form: Record<string, string> = {}): Promise<string> {
      const answered = await post('/oauth2/token', { grant_type: 'client_credentials', scope: 'read', ...form })
      return ((await answered.json()) as { access_token: string }).access_token
    },
    async revoke(token: string) {
      const answered = await post('/oauth2/revoke', { token })
      if (answered.status !== 200) throw new Error(`the provider answered ${answered.status}`)
    },
  }
}

function configuration(keys: object[]) {
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
    routes: { token: '/oauth2/token', introspection: '/oauth2/introspect', revocation: '/oauth2/revoke' },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: 'read', audience: 'gateway', accessTokenFormat: 'jwt' }),
      },
    },
  }
}

function gateway(t: Test, issuer: string, now: () => number = Date.now) {
  const client = httpClient(t)
  const keys = new Jwks({
    url: `${issuer}/jwks`,
    client,
    logger: silent('test'),
    onKeysDropped: () => jwt.forgetVerified(),
    now,
  })
  const jwt = authenticator([
    { issuer, audience: ['gateway'], keys, consumerKeyClaim: 'client_id', requireAccessTokenType: true },
  ])
  const basic = { enabled: true, username: GATEWAY.clientId, password: GATEWAY.clientSecret }
  const opaque = new OpaqueAuthenticator({
    serverUrl: issuer,
    tokenContext: 'oauth2',
    client,
    credentials: keyManagerCredentials({ ...noSecurity, basic }, client),
    timestampSkew: 5_000,
    cacheCapacity: 100,
    cacheExpiryTime: 900_000,
    realtimeDown: false,
    fingerprints: fingerprints,
    logger: silent('test'),
  })
  const auth = new CredentialAuthenticator({ jwt, opaque, introspectFailedJwt: false, timestampSkew: 5_000 })
  const reason = async (token: string) => {
    const outcome = await auth.authenticate(token, now())
    return isRefused(outcome) ? outcome.reason : 'accepted'
  }
  return { auth, opaque, jwt, reason }
}

t.test(
  'a real provider’s opaque token passes, and is refused once it is revoked and the cache is flushed',
  async (t) => {
    const sts = await provider(t)
    const { auth, opaque, reason } = gateway(t, sts.issuer)
    const token = await sts.token()
    t.equal(token.split('.').length, 1, 'it is opaque')
    const outcome = await auth.authenticate(token, Date.now())
    if (isRefused(outcome)) throw new Error(outcome.reason)
    t.strictSame([...outcome.scopes], ['read'])
    t.strictSame(outcome.identity.clients, [fingerprints.of('client', 'app')])
    await sts.revoke(token)
    t.equal(await reason(token), 'accepted', 'remembered: it is the revocation list that refuses it')
    opaque.flush()
    t.equal(await reason(token), 'inactive')
    t.equal(await reason('no-token-of-its'), 'inactive')
  },
)

t.test('its JWTs are of RFC 9068 and pass; an altered one does not', async (t) => {
  const sts = await provider(t)
  const { reason } = gateway(t, sts.issuer)
  const token = await sts.token({ resource: 'urn:api' })
  t.equal(await reason(token), 'accepted')
  t.equal(await reason(`${token.slice(0, -8)}AAAAAAAA`), 'signature')
})

t.test('keys rotate while requests come: none is lost, and a key that is dropped verifies nothing more', async (t) => {
  const sts = await provider(t)
  const clock = { now: Date.now() }
  const { reason, jwt } = gateway(t, sts.issuer, () => clock.now)
  const [first, second] = [newKey('one'), newKey('two')]
  sts.signWith([first])
  const old = await sts.token({ resource: 'urn:api' })
  t.equal(await reason(old), 'accepted')
  sts.signWith([second, first])
  clock.now += 10_001
  const fresh = await sts.token({ resource: 'urn:api' })
  const both = await Promise.all([fresh, old, fresh, old].map(reason))
  t.strictSame(both, new Array(4).fill('accepted'))
  sts.signWith([newKey('three'), second])
  clock.now += 10_001
  const third = await sts.token({ resource: 'urn:api' })
  t.equal(await reason(third), 'accepted')
  sts.signWith([newKey('four')])
  clock.now += 10_001
  const fourth = await sts.token({ resource: 'urn:api' })
  t.equal(await reason(fourth), 'accepted')
  t.equal(jwt.known(old, clock.now), undefined, 'the cache has forgotten what dropped keys verified')
  t.equal(await reason(old), 'unknown-key')
})

t.test('the gateway gets an access token of its own there, whatever its secret is made of', async (t) => {
  const sts = await provider(t)
  const client = httpClient(t)
  for (const credentialBearer of ['AUTH_HEADER_BEARER', 'POST_BODY_BEARER'] as const) {
    const clientCredential = { ...OWN, enabled: true, scopes: 'read' }
    const tokenUrl = `${sts.issuer}/oauth2/token`
    const oauth2 = { ...noSecurity.oauth2, enabled: true, tokenUrl, credentialBearer, clientCredential }
    const credentials = keyManagerCredentials({ ...noSecurity, oauth2 }, client)
    t.match(await credentials.authorization(), /^Bearer \S{20,}$/, credentialBearer)
  }
})
