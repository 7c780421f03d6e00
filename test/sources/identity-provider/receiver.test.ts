import { generateKeyPairSync } from 'node:crypto'
import type { JWTHeaderParameters } from 'jose'
import t from 'tap'
import type { VerificationKeys } from '../../../src/auth/index.js'
import { Jwks } from '../../../src/auth/jwks.js'
import { type Fields, silent } from '../../../src/logging/index.js'
import { type RevocationRecord, UnconfirmedRevocation } from '../../../src/revocation/index.js'
import { type NoticeSink, type ProviderSettings, Receiver } from '../../../src/sources/identity-provider/index.js'
import { systemClock } from '../../../src/time/index.js'
import { gate } from '../../auth/key-manager.js'
import { CLAIMS, fixedKey, hmacRaw, ISSUER, NOW, publicJwk, rsa, signed, signedRaw } from '../../auth/tokens.js'
import { httpClient, httpServer } from '../../support/servers.js'

const PROVIDER: ProviderSettings = {
  name: 'idp',
  issuer: ISSUER,
  clientIds: ['app', 'app2'],
  backchannelLogout: true,
  keycloakAdmin: true,
  realmWide: false,
}
const FORM = 'application/x-www-form-urlencoded'
const SECOND = NOW / 1000
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const LOGOUT = {
  iss: ISSUER,
  aud: 'app',
  jti: 'j-1',
  iat: SECOND,
  exp: SECOND + 120,
  events: { [EVENT]: {} },
  sid: 's-1',
  sub: 'alice',
}
const TYPED: JWTHeaderParameters = { alg: 'RS256', typ: 'logout+jwt' }
const SESSION = { kind: 'session', id: 's-1', iss: ISSUER, revokedBefore: 8.64e15, expiresAt: undefined }

/** A receiver, what it revoked, and what it said of itself. */
function receiver(provider: Partial<ProviderSettings> = {}, keys: VerificationKeys = fixedKey(rsa.publicKey)) {
  const revoked: RevocationRecord[][] = []
  const states: string[] = []
  const logged: Fields[] = []
  const state = { issuersNow: NOW, fails: undefined as Error | undefined, changed: gate<void>() }
  const keep = (_: string, second: unknown, third?: unknown) => void logged.push((third ?? second ?? {}) as Fields)
  const one = new Receiver({
    provider: { ...PROVIDER, ...provider },
    keys: [keys],
    skew: 5_000,
    issuersNow: () => state.issuersNow,
    clock: { ...systemClock, now: () => NOW },
    logger: { ...silent('test'), warn: keep, error: keep, info: keep },
  })
  const sink: NoticeSink = {
    async revoke(records) {
      if (state.fails !== undefined) throw state.fails
      revoked.push([...records])
    },
    state(status) {
      states.push(status)
      state.changed.open()
    },
  }
  const post = (path: string, body: string, contentType = 'text/plain') =>
    one.receive({ path, contentType, authorization: undefined, body }, sink)
  const logout = (token: string) =>
    post('/backchannel_logout/idp', new URLSearchParams({ logout_token: token }).toString(), FORM)
  return {
    one,
    sink,
    state,
    revoked,
    states,
    logged,
    post,
    logout,
    /** Resolves at the next status. */
    next() {
      state.changed = gate()
      return state.changed.opened
    },
    run: () => one.run(sink, new AbortController().signal),
  }
}

const without = (claims: object, name: string) =>
  Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name))

t.test('a logout token that names a session ends that session, and never more of its user', async (t) => {
  const { logout, revoked } = receiver()
  t.same(await logout(await signed(LOGOUT, TYPED)), { status: 200 })
  t.same(await logout(await signed({ ...without(LOGOUT, 'sub'), jti: 'j-2' })), { status: 200 }, 'without typ and sub')
  t.same(revoked, [[SESSION], [SESSION]])
})

t.test('a logout token that names a user alone ends the user’s tokens up to and including its second', async (t) => {
  const { logout, revoked } = receiver()
  t.same(await logout(await signed(without(LOGOUT, 'sid'), TYPED)), { status: 200 })
  t.match(revoked, [[{ kind: 'subject', id: 'alice', iss: ISSUER, revokedBefore: NOW + 1_000 }]])
})

t.test('what identity providers add, and other times and audiences of theirs, are taken', async (t) => {
  const { logout, revoked, state } = receiver()
  const events = { ...LOGOUT.events, revoke_offline_access: true, 'urn:other': {} }
  const good = [
    { ...LOGOUT, events, jti: 'a', name: 'anything' },
    { ...LOGOUT, jti: 'b', aud: ['other', 'app2'] },
    { ...without(LOGOUT, 'exp'), jti: 'c', iat: 1 },
    { ...LOGOUT, jti: 'd', iat: SECOND + 5 },
  ]
  for (const claims of good) t.same(await logout(await signed(claims, TYPED)), { status: 200 })
  state.issuersNow = NOW + 60_000
  t.same(
    await logout(await signed({ ...LOGOUT, jti: 'e', iat: SECOND + 60 }, TYPED)),
    { status: 200 },
    'our clock is behind',
  )
  t.equal(revoked.length, 5)
})

t.test('what is no logout token of the issuer, for one of the clients, is 400 and revokes nothing', async (t) => {
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const idToken = { iss: ISSUER, aud: 'app', sub: 'alice', sid: 's-1', iat: SECOND, exp: SECOND + 60, nonce: 'n' }
  const refused: readonly [why: string, token: string, problem: string][] = [
    ['another key', await signed(LOGOUT, TYPED, stranger), 'signature'],
    [
      'HMAC with the public key',
      hmacRaw(rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string, LOGOUT),
      'algorithm',
    ],
    ['unsigned', signedRaw('{"alg":"none","typ":"logout+jwt"}', JSON.stringify(LOGOUT)), 'algorithm'],
    ['an access token', await signed(CLAIMS, { alg: 'RS256', typ: 'at+jwt' }), 'type'],
    ['an untyped access token', await signed({ ...CLAIMS, aud: 'app' }), 'event'],
    ['an ID token', await signed(idToken), 'nonce'],
    ['Keycloak’s ID token', await signed({ ...idToken, nonce: undefined }, { alg: 'RS256', typ: 'JWT' }), 'type'],
    ['an ID token without nonce', await signed({ ...idToken, nonce: undefined }), 'event'],
    ['a security event token', await signed(LOGOUT, { alg: 'RS256', typ: 'secevent+jwt' }), 'type'],
    ['another issuer', await signed({ ...LOGOUT, iss: 'https://other.example' }, TYPED), 'issuer'],
    ['almost the issuer', await signed({ ...LOGOUT, iss: `${ISSUER}/` }, TYPED), 'issuer'],
    ['another client', await signed({ ...LOGOUT, aud: 'other' }, TYPED), 'audience'],
    ['no client', await signed(without(LOGOUT, 'aud'), TYPED), 'audience'],
    ['a client in an array in an array', await signed({ ...LOGOUT, aud: [['app']] as never }, TYPED), 'audience'],
    ['a nonce', await signed({ ...LOGOUT, nonce: '' }, TYPED), 'nonce'],
    ['no events', await signed(without(LOGOUT, 'events'), TYPED), 'event'],
    ['another event', await signed({ ...LOGOUT, events: { 'urn:other': {} } }, TYPED), 'event'],
    ['an event that is no object', await signed({ ...LOGOUT, events: { [EVENT]: true } }, TYPED), 'event'],
    ['events in a list', await signed({ ...LOGOUT, events: [EVENT] }, TYPED), 'event'],
    ['no jti', await signed(without(LOGOUT, 'jti'), TYPED), 'jti'],
    ['no iat', await signed(without(LOGOUT, 'iat'), TYPED), 'issued-at'],
    ['issued in the future', await signed({ ...LOGOUT, iat: SECOND + 6 }, TYPED), 'issued-at'],
    ['issued in milliseconds', await signed({ ...LOGOUT, iat: NOW }, TYPED), 'issued-at'],
    ['expired', await signed({ ...LOGOUT, exp: SECOND - 5 }, TYPED), 'expired'],
    ['neither sid nor sub', await signed(without(without(LOGOUT, 'sid'), 'sub'), TYPED), 'subject'],
    ['an empty sid', await signed({ ...LOGOUT, sid: '' }, TYPED), 'subject'],
    ['a sid that is no string', await signed({ ...LOGOUT, sid: 7 }, TYPED), 'subject'],
    ['an endless sub', await signed({ ...without(LOGOUT, 'sid'), sub: 'x'.repeat(2_000) }, TYPED), 'subject'],
    [
      'duplicate members',
      signedRaw(JSON.stringify(TYPED), `{"sub":"bob",${JSON.stringify(LOGOUT).slice(1)}`),
      'format',
    ],
    ['no JWS', 'hello', 'format'],
  ]
  const { one, logout, revoked, logged } = receiver()
  for (const [why, token, problem] of refused) {
    t.same(await logout(token), { status: 400, body: { error: 'invalid_request', error_description: problem } }, why)
  }
  t.same(revoked, [])
  const counted = Object.values(one.malformed()?.malformed ?? {}).reduce((sum, count) => sum + count, 0)
  t.equal(counted, refused.length)
  t.ok(logged.length < counted, 'each reason is logged once')
  t.match(one.malformed()?.malformed, { 'unauthenticated-signature': 1, 'unauthenticated-format': 2, audience: 3 })
  const own = Object.keys(one.malformed()?.malformed ?? {}).filter((reason) => !reason.startsWith('unauthenticated-'))
  t.notOk(
    own.some((reason) => ['format', 'algorithm', 'signature', 'type'].includes(reason)),
    'which anybody can send',
  )
  const log = JSON.stringify(logged)
  for (const [, token] of refused) t.notOk(log.includes(token))
})

t.test('a form that names no logout token, or two, is 400', async (t) => {
  const { post, revoked } = receiver()
  const token = await signed(LOGOUT, TYPED)
  const path = '/backchannel_logout/idp'
  const good = `logout_token=${token}`
  const bad: readonly [string, string?][] = [
    ['', FORM],
    [`logout_token=${token}&logout_token=${token}`, FORM],
    [`Logout_token=${token}`, FORM],
    [good, 'text/plain'],
    [good],
    [JSON.stringify({ logout_token: token }), 'application/json'],
  ]
  for (const [body, type] of bad) t.match(await post(path, body, type), { status: 400 })
  t.same(revoked, [])
  t.same(await post(path, `state=x&${good}`, `${FORM}; charset=UTF-8`), { status: 200 })
  t.equal(revoked.length, 1)
})

t.test('a message that was carried out is not carried out again, and one that could not be stored is', async (t) => {
  const { logout, revoked, states, state } = receiver()
  const token = await signed(LOGOUT, TYPED)
  state.fails = new UnconfirmedRevocation('ERR_REVOCATION_NOT_DURABLE', 'no room')
  t.match(await logout(token), { status: 503, retryAfter: 5 })
  t.same(states, ['gap'])
  state.fails = undefined
  for (let i = 0; i < 3; i++) t.same(await logout(token), { status: 200 })
  t.equal(revoked.length, 1)
  t.same(states, ['gap', 'live'])
  t.same(await logout(await signed({ ...LOGOUT, sid: 's-2' }, TYPED)), { status: 200 })
  t.equal(revoked.length, 2, 'another message of the same jti is not lost')
})

t.test('while the issuer’s keys are unavailable nothing is judged, and it says so', async (t) => {
  let isAway = true
  const fetched = async () => {
    if (isAway) throw new Error('away')
  }
  const { logout, run, states, revoked } = receiver(
    {},
    {
      ready: fetched,
      key: async () => {
        await fetched()
        return rsa.publicKey
      },
    },
  )
  const running = run()
  t.match(await logout(await signed(LOGOUT, TYPED)), { status: 503 })
  t.same([states, revoked], [['failed'], []])
  isAway = false
  t.same(await logout(await signed(LOGOUT, TYPED)), { status: 200 })
  await running
  t.same(states, ['failed', 'live'])
})

t.test('a logout by a new key is refused only by keys that were fetched after it came', async (t) => {
  const keyed = { ...TYPED, kid: 'new' }
  const fetched = { status: 503, keys: [await publicJwk(rsa.publicKey, { kid: 'old', alg: 'RS256' })] }
  const { origin } = await httpServer(t, (_, res) => {
    res.writeHead(fetched.status).end(JSON.stringify({ keys: fetched.keys }))
  })
  let now = 0
  const keys = new Jwks({
    url: `${origin}/jwks`,
    client: httpClient(t),
    logger: silent('test'),
    onKeysDropped: () => undefined,
    now: () => (now += 1_000),
  })
  const { logout, run, states, revoked, next } = receiver({}, keys)
  fetched.status = 200
  await run()
  fetched.status = 503
  t.match(await logout(await signed(LOGOUT, keyed)), { status: 503, retryAfter: 5 })
  t.same([states, revoked], [['live', 'gap'], []])
  const live = next()
  fetched.status = 200
  await live
  for (let i = 0; i < 10; i++) {
    t.match(await logout(await signed(LOGOUT, { ...TYPED, kid: `junk${i}` })), { status: 400 })
  }
  fetched.keys = [await publicJwk(rsa.publicKey, { kid: 'new', alg: 'RS256' })]
  t.same(await logout(await signed(LOGOUT, keyed)), { status: 200 })
  t.same([states, revoked.length], [['live', 'gap', 'live'], 1])
})

t.test('what has expired by our clock, and not by that of the issuer, is carried out', async (t) => {
  const { logout, post, revoked, state } = receiver()
  state.issuersNow = NOW - 600_000
  const [issuedAt, expires] = [SECOND - 600, SECOND - 300]
  t.same(await logout(await signed({ ...LOGOUT, iat: issuedAt, exp: expires }, TYPED)), { status: 200 })
  const pushed = await action({ ...ACTION, action: 'LOGOUT', expiration: expires, keycloakSessionIds: ['s-2'] })
  t.match(await post('/keycloak/idp/k_logout', pushed), { status: 204 })
  t.match(revoked, [[SESSION], [{ ...SESSION, id: 's-2' }]])
  state.issuersNow = Number.NEGATIVE_INFINITY
  t.match(await logout(await signed({ ...LOGOUT, jti: 'later', exp: expires }, TYPED)), { status: 400 }, 'nobody says')
})

t.test('a path of another provider, or of what is off, is 404', async (t) => {
  const { one, post } = receiver({ keycloakAdmin: false })
  t.same(one.paths, ['/backchannel_logout/idp'])
  for (const path of ['/keycloak/idp/k_logout', '/backchannel_logout/other'])
    t.match(await post(path, ''), { status: 404 })
})

const ACTION = { id: 'a-1', expiration: SECOND + 30, resource: 'app' }
const action = (claims: object, typ: string | undefined = 'JWT') =>
  signed(claims, { alg: 'RS256', ...(typ && { typ }) })
const OF_APP = { kind: 'claims', claims: { azp: 'app' }, iss: ISSUER, expiresAt: undefined }

t.test('what Keycloak sends to an admin URL ends sessions, or what was issued to its client', async (t) => {
  const { post, revoked } = receiver()
  const send = async (path: string, claims: object) =>
    post(`/keycloak/idp/${path}`, await action({ ...ACTION, ...claims }))
  const sessions = { action: 'LOGOUT', adapterSessionIds: ['x'], keycloakSessionIds: ['s-1', 's-2'], notBefore: 0 }
  t.same(await send('k_logout', { id: 'a', ...sessions }), { status: 204 })
  t.same(await send('k_logout', { id: 'b', action: 'LOGOUT', notBefore: SECOND - 60 }), { status: 204 })
  t.same(await send('k_logout', { id: 'c', action: 'LOGOUT', notBefore: 0, keycloakSessionIds: null }), { status: 204 })
  t.same(await send('k_push_not_before', { id: 'd', action: 'PUSH_NOT_BEFORE', notBefore: SECOND - 60 }), {
    status: 204,
  })
  t.same(await send('k_push_not_before', { id: 'e', action: 'PUSH_NOT_BEFORE', notBefore: 0 }), { status: 204 })
  t.same(revoked, [
    [SESSION, { ...SESSION, id: 's-2' }],
    [{ ...OF_APP, revokedBefore: NOW - 59_000 }],
    [{ ...OF_APP, revokedBefore: NOW + 1_000 }],
    [{ ...OF_APP, revokedBefore: NOW - 60_000 }],
    [],
  ])
  t.same(await send('k_logout', { id: 'a', ...sessions }), { status: 204 }, 'again')
  t.equal(revoked.length, 5)
})

t.test('what a client was issued so far has ended at the message’s expiration at the latest', async (t) => {
  const { post, revoked, state } = receiver()
  const logout = (id: string) =>
    action({ ...ACTION, id, action: 'LOGOUT' }).then((jws) => post('/keycloak/idp/k_logout', jws))
  state.issuersNow = NOW + 10_000
  t.same(await logout('a'), { status: 204 })
  state.issuersNow = Date.UTC(2099, 0)
  t.same(await logout('b'), { status: 204 })
  t.same(revoked, [[{ ...OF_APP, revokedBefore: NOW + 11_000 }], [{ ...OF_APP, revokedBefore: NOW + 31_000 }]])
})

t.test('of two actions of Keycloak that share an id neither is lost', async (t) => {
  const { post, revoked } = receiver()
  const differing = [
    { keycloakSessionIds: ['s-1'] },
    { keycloakSessionIds: ['s-2'] },
    { notBefore: SECOND - 60 },
    { notBefore: SECOND - 30 },
    { notBefore: SECOND - 30, resource: 'app2' },
    { expiration: SECOND + 60 },
  ]
  for (const claims of [...differing, ...differing]) {
    const jws = await action({ ...ACTION, action: 'LOGOUT', ...claims })
    t.same(await post('/keycloak/idp/k_logout', jws), { status: 204 })
  }
  t.equal(revoked.length, differing.length)
})

t.test('the whole realm is logged out only where that is configured', async (t) => {
  const { post, revoked } = receiver({ realmWide: true })
  const send = async (path: string, claims: object) =>
    post(`/keycloak/idp/${path}`, await action({ ...ACTION, ...claims }))
  await send('k_push_not_before', { id: 'a', action: 'PUSH_NOT_BEFORE', notBefore: SECOND })
  await send('k_logout', { id: 'b', action: 'LOGOUT', notBefore: SECOND })
  await send('k_logout', { id: 'c', action: 'LOGOUT', keycloakSessionIds: ['s-1'] })
  const issuer = { kind: 'issuer', iss: ISSUER, expiresAt: undefined }
  t.same(revoked, [[{ ...issuer, revokedBefore: NOW }], [{ ...issuer, revokedBefore: NOW + 1_000 }], [SESSION]])
})

t.test('what is no action of the realm for that path and one of the clients is 400 and revokes nothing', async (t) => {
  const good = { ...ACTION, action: 'LOGOUT' }
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const refused: readonly [token: string, problem: string][] = [
    [await signed(good, { alg: 'RS256', typ: 'JWT' }, stranger), 'signature'],
    [await signed(good), 'type'],
    [await action(good, 'logout+jwt'), 'type'],
    [await action({ ...good, iss: ISSUER }), 'type'],
    [await action({ ...good, sub: 'alice' }), 'type'],
    [await action({ ...CLAIMS, ...good }), 'type'],
    [await action({ ...good, action: 'PUSH_NOT_BEFORE' }), 'action'],
    [await action({ ...good, action: 'TEST_AVAILABILITY' }), 'action'],
    [await action({ ...good, resource: 'other' }), 'resource'],
    [await action({ ...good, resource: undefined }), 'resource'],
    [await action({ ...good, id: undefined }), 'id'],
    [await action({ ...good, expiration: SECOND - 5 }), 'expired'],
    [await action({ ...good, expiration: undefined }), 'expired'],
    [await action({ ...good, notBefore: 'now' }), 'not-before'],
    [await action({ ...good, keycloakSessionIds: 's-1' }), 'sessions'],
    [await action({ ...good, keycloakSessionIds: ['s-1', 7] }), 'sessions'],
    [await action({ ...good, adapterSessionIds: ['x'] }), 'sessions'],
    ['hello', 'format'],
  ]
  const { post, revoked } = receiver()
  for (const [token, problem] of refused) {
    t.match(await post('/keycloak/idp/k_logout', token), { status: 400, body: { error_description: problem } }, problem)
  }
  t.same(revoked, [])
})
