import t, { type Test } from 'tap'
import { isRefused } from '../../src/auth/authenticator.js'
import { CredentialAuthenticator } from '../../src/auth/credential-authenticator.js'
import { Jwks } from '../../src/auth/jwks.js'
import { keyManagerCredentials } from '../../src/auth/key-manager-credentials.js'
import { OpaqueAuthenticator } from '../../src/auth/opaque.js'
import { silent } from '../../src/logging/index.js'
import { AUDIENCE, CLIENT, GATEWAY, newKey, OWN, openIdProvider } from '../services/openid-provider.js'
import { httpClient } from '../support/servers.js'
import { noSecurity } from './key-manager.js'
import { authenticator, fingerprints } from './tokens.js'

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
    { issuer, audience: [AUDIENCE], keys, consumerKeyClaim: 'client_id', requireAccessTokenType: true },
  ])
  const basic = { enabled: true, username: GATEWAY.clientId, password: GATEWAY.clientSecret }
  const opaque = new OpaqueAuthenticator({
    url: `${issuer}/oauth2/introspect`,
    client,
    credentials: keyManagerCredentials({ ...noSecurity, basic }, client),
    timestampSkew: 5_000,
    cacheCapacity: 100,
    cacheExpiryTime: 900_000,
    realtimeDown: false,
    fingerprints: fingerprints,
    logger: silent('test'),
  })
  const auth = new CredentialAuthenticator({
    jwt,
    opaque,
    introspectFailedJwt: false,
    timestampSkew: 5_000,
    fingerprints,
  })
  const reason = async (token: string) => {
    const outcome = await auth.authenticate(token, now())
    return isRefused(outcome) ? outcome.reason : 'accepted'
  }
  return { auth, opaque, jwt, reason }
}

t.test(
  'a real provider’s opaque token passes, and is refused once it is revoked and the cache is flushed',
  async (t) => {
    const sts = await openIdProvider(t)
    const { auth, opaque, reason } = gateway(t, sts.issuer)
    const token = await sts.opaque()
    t.equal(token.split('.').length, 1, 'it is opaque')
    const outcome = await auth.authenticate(token, Date.now())
    if (isRefused(outcome)) throw new Error(outcome.reason)
    t.strictSame([...outcome.scopes], ['read'])
    t.strictSame(outcome.identity.clients, [fingerprints.of('client', CLIENT.id)])
    await sts.revoke(token)
    t.equal(await reason(token), 'accepted', 'remembered: it is the revocation list that refuses it')
    opaque.flush()
    t.equal(await reason(token), 'inactive')
    t.equal(await reason('no-token-of-its'), 'inactive')
  },
)

t.test('its JWTs are of RFC 9068 and pass; an altered one does not', async (t) => {
  const sts = await openIdProvider(t)
  const { reason } = gateway(t, sts.issuer)
  const token = await sts.jwt()
  t.equal(await reason(token), 'accepted')
  t.equal(await reason(`${token.slice(0, -8)}AAAAAAAA`), 'signature')
})

t.test('keys rotate while requests come: none is lost, and a key that is dropped verifies nothing more', async (t) => {
  const sts = await openIdProvider(t)
  const clock = { now: Date.now() }
  const { reason, jwt } = gateway(t, sts.issuer, () => clock.now)
  const [first, second] = [newKey('one'), newKey('two')]
  sts.signWith([first])
  const old = await sts.jwt()
  t.equal(await reason(old), 'accepted')
  sts.signWith([second, first])
  const fresh = await sts.jwt()
  const both = await Promise.all([fresh, old, fresh, old].map(reason))
  t.strictSame(both, new Array(4).fill('accepted'))
  sts.signWith([newKey('three'), second])
  const third = await sts.jwt()
  t.equal(await reason(third), 'accepted')
  sts.signWith([newKey('four')])
  const fourth = await sts.jwt()
  t.equal(await reason(fourth), 'accepted')
  t.equal(jwt.known(old, clock.now), undefined, 'the cache has forgotten what dropped keys verified')
  t.equal(await reason(old), 'unknown-key')
})

t.test('an issuer that is away for ten minutes loses no request with a known key', async (t) => {
  const sts = await openIdProvider(t)
  const clock = { now: Date.now() }
  const { reason } = gateway(t, sts.issuer, () => clock.now)
  const minutes = Array.from({ length: 10 }, (_, minute) => minute)
  const unseen = await Promise.all(minutes.map(() => sts.jwt()))
  const seen = await sts.jwt()
  t.equal(await reason(seen), 'accepted')
  sts.signWith([newKey('other')])
  const strange = await Promise.all(minutes.map(() => sts.jwt()))
  const fetched = sts.keysFetched()
  await sts.stop()
  for (const minute of minutes) {
    clock.now += 60_001
    t.equal(await reason(seen), 'accepted')
    t.equal(await reason(unseen[minute] ?? ''), 'accepted', `a token that is first seen in minute ${minute + 1}`)
    t.equal(await reason(strange[minute] ?? ''), 'unknown-key')
  }
  t.equal(sts.keysFetched(), fetched)
  await sts.start()
  clock.now += 10_001
  t.equal(await reason(strange[0] ?? ''), 'accepted', 'the new key is there with the issuer')
  t.equal(sts.keysFetched(), fetched + 1)
  t.equal(await reason(seen), 'unknown-key', 'and the dropped one gone')
})

t.test('the gateway gets an access token of its own there, whatever its secret is made of', async (t) => {
  const sts = await openIdProvider(t)
  const client = httpClient(t)
  for (const credentialBearer of ['AUTH_HEADER_BEARER', 'POST_BODY_BEARER'] as const) {
    const clientCredential = { ...OWN, enabled: true, scopes: 'read' }
    const tokenUrl = `${sts.issuer}/oauth2/token`
    const oauth2 = { ...noSecurity.oauth2, enabled: true, tokenUrl, credentialBearer, clientCredential }
    const credentials = keyManagerCredentials({ ...noSecurity, oauth2 }, client)
    t.match(await credentials.authorization(), /^Bearer \S{20,}$/, credentialBearer)
  }
})
