import { generateKeyPairSync } from 'node:crypto'
import t, { type Test } from 'tap'
import { isRefused } from '../../src/auth/authenticator.js'
import { CredentialAuthenticator } from '../../src/auth/credential-authenticator.js'
import { Jwks } from '../../src/auth/jwks.js'
import { keyManagerCredentials } from '../../src/auth/key-manager-credentials.js'
import { OpaqueAuthenticator } from '../../src/auth/opaque.js'
import { FixedKey } from '../../src/auth/verification-keys.js'
import { silent } from '../../src/logging/index.js'
import { readCredential } from '../../src/token/credential.js'
import { equivalentSignatures } from '../../src/token/equivalent-signatures.js'
import { httpClient } from '../support/servers.js'
import { type Asked, keyManager, noSecurity, type Reply } from './key-manager.js'
import {
  authenticator,
  CLAIMS,
  ec,
  fingerprints,
  foundByRule,
  hmacRaw,
  ISSUER,
  issuer,
  NOW,
  reasonOf,
  rsa,
  signed,
} from './tokens.js'

const ACTIVE = { active: true, token_type: 'Bearer', jti: 'other-jti', exp: NOW / 1000 + 7200, scope: 'known' }
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })

async function gateway(
  t: Test,
  introspectFailedJwt: boolean,
  answer: (asked: Asked) => Reply = () => ({ body: ACTIVE }),
  keys: Parameters<typeof issuer>[0] = { keys: new FixedKey(rsa.publicKey) },
  introspectedIssuers: readonly string[] = [],
) {
  const { origin, asked } = await keyManager(t, answer)
  const client = httpClient(t)
  const opaque = new OpaqueAuthenticator({
    url: `${origin}/oauth2/introspect`,
    client,
    credentials: keyManagerCredentials(noSecurity, client),
    timestampSkew: 5_000,
    cacheCapacity: 100,
    cacheExpiryTime: 900_000,
    realtimeDown: false,
    fingerprints: fingerprints,
    logger: silent('test'),
  })
  const jwt = authenticator([issuer(keys)])
  const auth = new CredentialAuthenticator({
    jwt,
    opaque,
    introspectFailedJwt,
    introspectedIssuers: new Set(introspectedIssuers),
    timestampSkew: 5_000,
    fingerprints,
  })
  return { auth, jwt, opaque, asked }
}

t.test('three parts are a JWT, which is verified; anything else is asked for', async (t) => {
  const { auth, asked } = await gateway(t, false)
  const token = await signed()
  t.equal(await reasonOf(auth.authenticate(token, NOW)), 'accepted')
  t.equal(asked.length, 0)
  t.notOk(auth.authenticate(token, NOW) instanceof Promise)
  for (const opaque of ['8c1f', 'a.b', 'a.b.c.d', `${token}.xw.xw`]) {
    t.equal(await reasonOf(auth.authenticate(opaque, NOW)), 'accepted', opaque.slice(0, 8))
    t.notOk(auth.authenticate(opaque, NOW) instanceof Promise)
  }
  t.equal(asked.length, 4)
  for (const jwt of ['a.b.c', '..', await signed(CLAIMS, { alg: 'RS256' }, other.privateKey)])
    t.not(await reasonOf(auth.authenticate(jwt, NOW)), 'accepted')
  t.equal(asked.length, 4)
})

t.test('what had ended by an earlier, smaller skew stays ended, whoever says that the token is good', async (t) => {
  const inSeconds = NOW / 1000
  const { jwt, opaque } = await gateway(t, true, () => ({ body: { ...ACTIVE, exp: inSeconds + 60 } }))
  let droppedBefore = NOW + 59_999
  const auth = new CredentialAuthenticator({
    jwt,
    opaque,
    introspectFailedJwt: true,
    timestampSkew: 5_000,
    droppedBefore: () => droppedBefore,
    fingerprints,
  })
  const verified = await signed({ ...CLAIMS, exp: inSeconds + 60 })
  const introspected = await signed({ ...CLAIMS, iss: 'x', exp: inSeconds + 60 })
  const longer = await signed({ ...CLAIMS, iss: 'x', exp: inSeconds + 600 })
  const tokens = [verified, introspected, longer, '8c1f']
  for (const token of tokens) t.equal(await reasonOf(auth.authenticate(token, NOW)), 'accepted')
  droppedBefore = NOW + 60_000
  for (const token of tokens) t.equal(await reasonOf(auth.authenticate(token, NOW)), 'expired', 'remembered')
  const fresh = await signed({ ...CLAIMS, jti: 'fresh', exp: inSeconds + 60 })
  t.equal(await reasonOf(auth.authenticate(fresh, NOW)), 'expired')
  t.equal(await reasonOf(auth.authenticate(await signed({ ...CLAIMS, exp: inSeconds + 61 }), NOW)), 'accepted')
})

t.test('without a key manager an opaque token is refused', async (t) => {
  const jwt = authenticator([])
  const auth = new CredentialAuthenticator({ jwt, introspectFailedJwt: true, timestampSkew: 0, fingerprints })
  t.equal(await reasonOf(auth.authenticate('8c1f', NOW)), 'opaque')
  t.equal(await reasonOf(auth.authenticate(await signed(), NOW)), 'issuer')
})

t.test('a token that nobody verifies has every name that its issuer or introspection gives it', async (t) => {
  const configured = [{ consumerKeyClaim: 'app' }, { claims: [{ remoteClaim: 'uid', localClaim: 'sub' }] }].map(issuer)
  const jwt = authenticator(configured)
  const auth = new CredentialAuthenticator({ jwt, introspectFailedJwt: false, timestampSkew: 5_000, fingerprints })
  const forged = await signed({ ...CLAIMS, app: 'shop', uid: 'u-1' }, { alg: 'RS256' }, other.privateKey)
  const names = (of: CredentialAuthenticator, token: string) => {
    const read = readCredential(token)
    const identities = read.kind === 'refused' ? [] : of.identitiesOf(read, NOW)
    const cases = [['client', 'shop'] as const, ['subject', 'u-1'] as const, ['subject', 'alice'] as const]
    return cases.filter(([kind, id]) => identities.some((one) => foundByRule(one, kind, id) !== undefined)).join()
  }
  t.equal(names(auth, forged), 'client,shop,subject,u-1,subject,alice')
  const { auth: introspecting } = await gateway(t, false, () => ({ body: { ...ACTIVE, sub: 'u-1' } }))
  t.equal(names(introspecting, 'an-opaque-one'), '', 'before it was introspected')
  t.equal(await reasonOf(introspecting.authenticate('an-opaque-one', NOW)), 'accepted')
  t.equal(names(introspecting, 'an-opaque-one'), 'subject,u-1')
})

t.test('enableIntrospectForFailedJWT: which JWTs the key manager is asked for, and which never', async (t) => {
  const good = await signed()
  const [head = '', body = '', signature = ''] = good.split('.')
  const elsewhere = { ...CLAIMS, iss: 'https://elsewhere.example' }
  const cases: [string, string, 'asked' | string][] = [
    ['one that verifies', good, 'accepted'],
    ['another issuer’s', await signed(elsewhere, { alg: 'RS256' }, other.privateKey), 'asked'],
    ['another key’s', await signed(CLAIMS, { alg: 'RS256' }, other.privateKey), 'asked'],
    ['another issuer’s, expired', await signed({ ...elsewhere, exp: NOW / 1000 - 5 }), 'expired'],
    ['another key’s, expired', await signed({ ...CLAIMS, exp: 1 }, { alg: 'RS256' }, other.privateKey), 'expired'],
    ['expired', await signed({ ...CLAIMS, exp: NOW / 1000 - 5 }), 'expired'],
    ['not yet valid', await signed({ ...CLAIMS, nbf: NOW / 1000 + 60 }), 'claims'],
    ['of an algorithm that the issuer has not', hmacRaw('x'), 'algorithm'],
    ['respelt', `${head}=.${body}.${signature}`, 'malformed'],
    ['no signature', `${head}.${body}.`, 'malformed'],
    ['no JSON', 'a.b.c', 'malformed'],
    ['a log-out token', await signed(elsewhere, { alg: 'RS256', typ: 'logout+jwt' }), 'malformed'],
  ]
  for (const [title, token, answer] of cases) {
    const { auth, asked } = await gateway(t, true)
    t.equal(await reasonOf(auth.authenticate(token, NOW)), answer === 'asked' ? 'accepted' : answer, title)
    t.equal(asked.length, answer === 'asked' ? 1 : 0, title)
    if (answer === 'asked') t.notOk(auth.authenticate(token, NOW) instanceof Promise, `${title}: remembered`)
  }
})

t.test('a JWT that the key manager calls active dies by its own exp, and by either jti or its signature', async (t) => {
  const { auth } = await gateway(t, true)
  const token = await signed({ ...CLAIMS, exp: NOW / 1000 + 60 }, { alg: 'ES256' }, ec.privateKey)
  const foreign = await signed({ ...CLAIMS, iss: 'x', exp: NOW / 1000 + 60 }, { alg: 'ES256' }, ec.privateKey)
  t.equal(await reasonOf(auth.authenticate(token, NOW)), 'algorithm')
  const outcome = await auth.authenticate(foreign, NOW)
  if (isRefused(outcome)) throw new Error(outcome.reason)
  t.equal(outcome.usableUntil, NOW + 65_000)
  t.strictSame([...outcome.scopes], ['known'])
  const names = ['jti-1', 'other-jti', ...equivalentSignatures('ES256', foreign.split('.')[2] ?? '')]
  for (const name of names) {
    const { hi, lo } = fingerprints.of('token', name)
    t.ok(outcome.identity.ids.some((id) => id.hi === hi && id.lo === lo))
  }
  t.equal(names.length, 4)
})

t.test(
  'a JWT that the key manager calls active falls under rules about its own names, and about the answer’s',
  async (t) => {
    const own = { sub: 'own-sub', azp: 'own-app', sid: 'own-sid' }
    const token = await signed({ ...CLAIMS, ...own }, { alg: 'RS256' }, other.privateKey)
    const told = { username: 'told-sub', client_id: 'told-app', sid: 'told-sid' }
    const identityOf = async (iat: number | undefined) => {
      const { auth } = await gateway(t, true, () => ({ body: { ...ACTIVE, ...told, iat } }))
      const outcome = await auth.authenticate(token, NOW)
      if (isRefused(outcome)) throw new Error(outcome.reason)
      return outcome.identity
    }
    const identity = await identityOf(CLAIMS.iat)
    const rules = [
      ['subject', 'own-sub'],
      ['subject', 'told-sub'],
      ['client', 'own-app'],
      ['client', 'told-app'],
      ['session', 'own-sid'],
      ['session', 'told-sid'],
    ] as const
    for (const [kind, id] of rules) t.equal(foundByRule(identity, kind, id), kind, `${kind} ${id}`)
    t.equal(foundByRule(identity, 'subject', 'alice'), undefined)
    const ownIat = CLAIMS.iat * 1000
    for (const [told, older] of [
      [CLAIMS.iat + 30, ownIat],
      [CLAIMS.iat - 30, ownIat - 30_000],
      [undefined, ownIat],
    ] as const) {
      const issued = await identityOf(told)
      t.equal(foundByRule(issued, 'subject', 'told-sub', older + 1), 'subject', `${told}: issued before`)
      t.equal(foundByRule(issued, 'subject', 'told-sub', older), undefined, `${told}: not issued before`)
    }
  },
)

t.test('with an issuer’s keys unavailable, introspection decides, if enabled', async (t) => {
  for (const introspect of [true, false]) {
    const { origin } = await keyManager(t, () => ({ status: 503 }))
    const keys = new Jwks({
      url: `${origin}/jwks`,
      client: httpClient(t),
      logger: silent('test'),
      onKeysDropped: () => undefined,
    })
    const { auth } = await gateway(t, introspect, undefined, { keys })
    const outcome = auth.authenticate(await signed(), NOW)
    if (introspect) t.equal(await reasonOf(outcome), 'accepted')
    else await t.rejects(Promise.resolve(outcome), { code: 'ERR_JWKS_UNAVAILABLE' })
  }
})

t.test('the key manager never answers for an issuer that is introspected itself', async (t) => {
  const away = { key: () => Promise.reject(Object.assign(new Error('away'), { code: 'ERR_JWKS_UNAVAILABLE' })) }
  const { auth, asked } = await gateway(t, true, undefined, { keys: away }, [ISSUER])
  await t.rejects(Promise.resolve(auth.authenticate(await signed(), NOW)), { code: 'ERR_JWKS_UNAVAILABLE' })
  const known = await gateway(t, true, undefined, undefined, [ISSUER])
  const token = await signed(CLAIMS, { alg: 'RS256' }, other.privateKey)
  t.equal(await reasonOf(known.auth.authenticate(token, NOW)), 'signature')
  t.same([asked, known.asked], [[], []])
})

t.test('an inactive answer or a failing key manager lets no failed JWT pass', async (t) => {
  const token = await signed(CLAIMS, { alg: 'RS256' }, other.privateKey)
  const inactive = await gateway(t, true, () => ({ body: { active: false } }))
  t.equal(await reasonOf(inactive.auth.authenticate(token, NOW)), 'inactive')
  const failing = await gateway(t, true, () => ({ status: 500 }))
  t.equal(await reasonOf(failing.auth.authenticate(token, NOW)), 'key-manager')
})
