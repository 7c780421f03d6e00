import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { isRefused } from '../../src/auth/authenticator.js'
import { keyManagerCredentials } from '../../src/auth/key-manager-credentials.js'
import { OpaqueAuthenticator, type OpaqueAuthenticatorOptions } from '../../src/auth/opaque.js'
import { Secret } from '../../src/config/secret.js'
import { faults } from '../../src/faults/index.js'
import { createLogging } from '../../src/logging/index.js'
import { httpClient } from '../support/servers.js'
import { type Asked, gate, keyManager, noSecurity, type Reply } from './key-manager.js'
import { CLAIMS, fingerprints, NOW, reasonOf, signed } from './tokens.js'

const ACTIVE = { active: true, token_type: 'Bearer', scope: 'read write', client_id: 'app', sub: 'alice', jti: 'jti-1' }
const EXP = NOW / 1000 + 3600

/** A key manager, and a gateway's authenticator that asks it; realtime is up unless the test says otherwise. */
async function introspecting(
  t: Test,
  answer: (asked: Asked) => Reply | Promise<Reply>,
  more: Partial<OpaqueAuthenticatorOptions> = {},
  initially: { realtimeDown?: boolean } = { realtimeDown: false },
) {
  const lines: string[] = []
  const manager = await keyManager(t, answer)
  const client = httpClient(t)
  const logging = createLogging({ level: 'debug', format: 'json', stream: { write: (line) => lines.push(line) } })
  const opaque = new OpaqueAuthenticator({
    url: `${manager.origin}/oauth2/introspect`,
    client,
    credentials: keyManagerCredentials(noSecurity, client),
    timestampSkew: 5_000,
    cacheCapacity: 100,
    cacheExpiryTime: 900_000,
    ...initially,
    fingerprints: fingerprints,
    logger: logging('OAuth2'),
    ...more,
  })
  const ask = (token: string, now = NOW, network = 'a') => reasonOf(opaque.authenticate(token, now, { network }))
  return { ...manager, opaque, lines, ask }
}

t.test('an active token is asked for once, as RFC 7662 says, and answered at once from then on', async (t) => {
  const { opaque, asked } = await introspecting(t, () => ({ body: { ...ACTIVE, exp: EXP, keytype: 'SANDBOX' } }))
  const outcome = await opaque.authenticate('token-1', NOW)
  if (isRefused(outcome)) throw new Error(outcome.reason)
  t.strictSame(asked, [
    {
      path: '/oauth2/introspect',
      authorization: undefined,
      form: { token: 'token-1', token_type_hint: 'access_token' },
    },
  ])
  t.equal(opaque.authenticate('token-1', NOW + 1), outcome, 'the same object, and no promise')
  t.strictSame([[...outcome.scopes], outcome.keyType], [['read', 'write'], 'SANDBOX'])
  const { ids, subjects, clients } = outcome.identity
  for (const id of ['jti-1', 'token-1']) {
    const { hi, lo } = fingerprints.of('token', id)
    t.ok(
      ids.some((one) => one.hi === hi && one.lo === lo),
      `revoked by ${id}`,
    )
  }
  t.strictSame(subjects, [fingerprints.of('subject', 'alice')])
  t.strictSame(clients, [fingerprints.of('client', 'app')])
})

t.test('the user may be called username, where sub names nobody', async (t) => {
  for (const sub of [undefined, null, '', [], {}]) {
    const { opaque } = await introspecting(t, () => ({ body: { ...ACTIVE, sub, username: 'bob' } }))
    const outcome = await opaque.authenticate('token-1', NOW)
    t.strictSame(isRefused(outcome) ? outcome : outcome.identity.subjects, [fingerprints.of('subject', 'bob')])
  }
})

t.test('an answer is fresh until exp, and at most for the cache’s time', async (t) => {
  const cases: [string, object, number][] = [
    ['exp', { exp: NOW / 1000 + 60 }, 65_000],
    ['the cache’s time', { exp: EXP }, 900_000],
    ['no exp', {}, 10_000],
    ['for ever', { exp: 9_007_199_254_740_991 }, 900_000],
  ]
  for (const [title, claims, lifetime] of cases) {
    const { opaque } = await introspecting(t, () => ({ body: { ...ACTIVE, ...claims } }))
    await opaque.authenticate('token-1', NOW)
    t.not(opaque.known('token-1', NOW + lifetime - 1), undefined, title)
    t.equal(opaque.known('token-1', NOW + lifetime), undefined, title)
  }
})

t.test('an inactive token is refused, and not introspected again for a moment', async (t) => {
  const { ask, asked } = await introspecting(t, () => ({ body: { active: false } }))
  t.equal(await ask('token-1'), 'inactive')
  t.equal(await ask('token-1', NOW + 2_999), 'inactive')
  t.equal(asked.length, 1)
  t.equal(await ask('token-1', NOW + 3_000), 'inactive')
  t.equal(asked.length, 2)
})

t.test('active is not enough: expired, not yet valid, and no access token', async (t) => {
  const cases: [string, object, string][] = [
    ['expired', { ...ACTIVE, exp: NOW / 1000 - 5 }, 'expired'],
    ['just within the skew', { ...ACTIVE, exp: NOW / 1000 - 4 }, 'accepted'],
    ['not yet', { ...ACTIVE, nbf: NOW / 1000 + 6 }, 'claims'],
    ['issued in the future', { ...ACTIVE, iat: NOW / 1000 + 6 }, 'claims'],
    ['the same in milliseconds', { ...ACTIVE, iat: NOW + 6_000 }, 'claims'],
    ['issued a moment ahead', { ...ACTIVE, iat: NOW / 1000 + 4 }, 'accepted'],
    ['a refresh token of WSO2’s', { ...ACTIVE, token_type: 'Refresh' }, 'token-type'],
    ['of Keycloak’s', { ...ACTIVE, typ: 'Refresh' }, 'token-type'],
    ['of Hydra’s', { ...ACTIVE, token_use: 'refresh_token' }, 'token-type'],
    ['a token without a type', { active: true }, 'token-type'],
    ['one that is bound to a key', { ...ACTIVE, token_type: 'DPoP' }, 'token-type'],
    ['types that are none', { ...ACTIVE, token_type: ['Bearer'] }, 'token-type'],
  ]
  for (const [title, body, reason] of cases) {
    const { ask } = await introspecting(t, () => ({ body }))
    t.equal(await ask('token-1'), reason, title)
  }
  const { ask } = await introspecting(t, () => ({ body: { active: true } }), { acceptUntypedTokens: true })
  t.equal(await ask('token-1'), 'accepted', 'unless tokens without a type are accepted')
  for (const [typ, reason] of [
    ['Refresh', 'token-type'],
    ['ID', 'token-type'],
    ['Bearer', 'accepted'],
  ] as const)
    t.equal(await ask(await signed({ ...CLAIMS, typ })), reason, `and not by a JWT that says it is ${typ}`)
})

t.test('an answer without a type names the key to set, once; one of another type does not', async (t) => {
  const { ask, lines } = await introspecting(t, ({ form }) => ({
    body: form.token === 'typed' ? { ...ACTIVE, token_type: 'Refresh' } : { active: true },
  }))
  const warnings = () => lines.filter((line) => line.includes('acceptUntypedTokens')).map((line) => JSON.parse(line))
  await ask('typed')
  t.same(warnings(), [])
  await ask('token-1')
  await ask('token-2')
  t.match(warnings(), [{ level: 'warn', msg: /keyManager\.acceptUntypedTokens = true/ }])
  t.equal(warnings().length, 1)
})

t.test('an answer that is no introspection is the key manager’s failure: 503, nothing is remembered', async (t) => {
  const replies: [string, Reply][] = [
    ['401', { status: 401, body: ACTIVE }],
    ['403', { status: 403, body: ACTIVE }],
    ['404', { status: 404, body: { active: false } }],
    ['500', { status: 500, body: ACTIVE }],
    ['201', { status: 201, body: ACTIVE }],
    ['302', { status: 302, body: ACTIVE }],
    ['nothing', {}],
    ['HTML', { body: '<html>active</html>' }],
    ['no object', { body: 'true' }],
    ['no active', { body: { ...ACTIVE, active: undefined } }],
    ['active as a text', { body: { ...ACTIVE, active: 'true' } }],
    ['active twice', { body: '{"active":false,"active":true,"token_type":"Bearer"}' }],
    ['a time that is none', { body: { ...ACTIVE, exp: 'tomorrow' } }],
    ['a time beyond all', { body: '{"active":true,"token_type":"Bearer","exp":1e999}' }],
    ['too much', { body: { ...ACTIVE, x: 'x'.repeat(300_000) } }],
  ]
  for (const [title, reply] of replies) {
    let current = reply
    const { opaque, lines, ask } = await introspecting(t, () => current)
    const outcome = await opaque.authenticate('token-1', NOW)
    t.equal(isRefused(outcome) && outcome.fault, faults.keyManagerUnavailable, title)
    t.equal(lines.length, 1, title)
    t.notMatch(lines.join(), /token-1/, title)
    current = { body: ACTIVE }
    t.equal(await ask('token-1'), 'accepted', `${title}: asked again`)
  }
})

t.test('with the key manager down, fresh answers stay valid and other tokens get 503', async (t) => {
  const { ask, server } = await introspecting(t, () => ({ body: { ...ACTIVE, exp: EXP } }))
  t.equal(await ask('token-1'), 'accepted')
  server.closeAllConnections()
  server.close()
  t.equal(await ask('token-1', NOW + 899_999), 'accepted')
  t.equal(await ask('token-1', NOW + 900_000), 'key-manager')
  t.equal(await ask('token-2'), 'key-manager')
})

t.test('a key manager that is slow: 503 when the time is over', async (t) => {
  const { opened, open } = gate<Reply>()
  const { ask } = await introspecting(t, () => opened, { timeout: 50 })
  t.equal(await ask('token-1'), 'key-manager')
  open({ body: ACTIVE })
})

t.test('any number of requests with one token ask once; one with another token asks too', async (t) => {
  const { opened, open } = gate<Reply>()
  const { ask, asked, askedTimes } = await introspecting(t, () => opened)
  const outcomes = ['a', 'a', 'a', 'b', 'a'].map((token) => ask(token))
  await askedTimes(2)
  open({ body: ACTIVE })
  t.strictSame(await Promise.all(outcomes), new Array(5).fill('accepted'))
  t.equal(asked.length, 2)
})

t.test('64 introspections run at once, 1,024 wait, further ones are 503 immediately', async (t) => {
  const { opened, open } = gate<Reply>()
  const { ask, asked, askedTimes } = await introspecting(t, () => opened, { timeout: 60_000, cacheCapacity: 2_000 })
  const outcomes = Array.from({ length: 64 + 1_024 }, (_, i) => ask(`token-${i}`, NOW, i % 2 === 0 ? 'a' : 'b'))
  await askedTimes(64)
  t.equal(await ask('one-too-many'), 'key-manager')
  t.equal(asked.length, 64)
  open({ body: ACTIVE })
  t.strictSame(new Set(await Promise.all(outcomes)), new Set(['accepted']))
})

t.test('a flush forgets active tokens, not inactive ones', async (t) => {
  let body: object = { ...ACTIVE, exp: EXP }
  const { opaque, ask, asked } = await introspecting(t, ({ form }) => ({
    body: form.token === 'bad' ? { active: false } : body,
  }))
  await ask('good')
  await ask('bad')
  opaque.flush()
  body = { active: false }
  t.equal(await ask('good'), 'inactive')
  t.equal(await ask('bad'), 'inactive')
  t.equal(asked.length, 3)
})

t.test('an introspection begun before a flush is asked for again, and later requests do not join it', async (t) => {
  const gates = [gate<Reply>(), gate<Reply>()]
  let count = 0
  const { opaque, ask, asked, askedTimes } = await introspecting(
    t,
    () => gates[count++]?.opened ?? { body: { active: false } },
  )
  const before = ask('token-1')
  await askedTimes(1)
  opaque.flush()
  const after = ask('token-1')
  await askedTimes(2)
  gates[0]?.open({ body: { ...ACTIVE, exp: EXP } })
  await askedTimes(3)
  t.equal(opaque.known('token-1', NOW), undefined, 'the late answer is not kept')
  const joined = ask('token-1')
  gates[1]?.open({ body: { active: false } })
  t.equal(await after, 'inactive')
  t.equal(await joined, 'inactive', 'the flight after the flush is the one that is joined')
  t.equal(await before, 'inactive')
  t.equal(asked.length, 3)
})

t.test('while realtime is down an answer is fresh for ten seconds, older ones included', async (t) => {
  const { opaque, ask, asked } = await introspecting(t, () => ({ body: { ...ACTIVE, exp: EXP } }))
  await ask('token-1')
  opaque.setRealtimeDown(true)
  t.not(opaque.known('token-1', NOW + 9_999), undefined)
  t.equal(opaque.known('token-1', NOW + 10_000), undefined)
  await ask('token-1', NOW + 10_000)
  t.equal(asked.length, 2)
  t.not(opaque.known('token-1', NOW + 19_999), undefined)
  opaque.setRealtimeDown(false)
  t.not(opaque.known('token-1', NOW + 60_000), undefined)
})

t.test('realtime counts as down until it is reported live', async (t) => {
  const { opaque } = await introspecting(t, () => ({ body: { ...ACTIVE, exp: EXP } }), {}, {})
  await opaque.authenticate('token-1', NOW)
  t.equal(opaque.known('token-1', NOW + 10_000), undefined)
  opaque.setRealtimeDown(false)
  t.not(opaque.known('token-1', NOW + 10_000), undefined)
})

t.test('the caches are bounded, and strangers’ tokens push no active one out', async (t) => {
  const { opaque, ask } = await introspecting(
    t,
    ({ form }) => ({ body: form.token?.startsWith('good') ? { ...ACTIVE, exp: EXP } : { active: false } }),
    { cacheCapacity: 3 },
  )
  for (const token of ['good-1', 'good-2', 'good-3', 'a', 'b', 'c', 'd']) await ask(token)
  for (const token of ['good-1', 'good-2', 'good-3']) t.not(opaque.known(token, NOW), undefined, token)
  await ask('good-4')
  t.equal(opaque.known('good-1', NOW), undefined)
})

t.test('a token that cannot be read one way only is never asked for', async (t) => {
  const { ask, asked } = await introspecting(t, () => ({ body: ACTIVE }))
  t.equal(await ask('x'.repeat(65_537)), 'malformed')
  t.equal(await ask('a\u0000b'), 'malformed')
  t.equal(asked.length, 0)
  t.equal(await ask('a+/b~c'), 'accepted')
  t.equal(asked[0]?.form.token, 'a+/b~c', 'the form is encoded')
})

t.test('a token that ends in = is refused, and the key to set is named once, unless such are accepted', async (t) => {
  const { ask, asked, lines } = await introspecting(t, () => ({ body: ACTIVE }))
  t.equal(await ask('abc='), 'malformed')
  t.equal(await ask('abd=='), 'malformed')
  t.equal(asked.length, 0)
  t.equal(lines.length, 1)
  t.match(lines[0], /keyManager\.acceptPaddedTokens = true/)
  t.notMatch(lines[0], /ab[cd]/)
  const lenient = await introspecting(t, () => ({ body: ACTIVE }), { acceptPaddedTokens: true })
  t.equal(await lenient.ask('abc='), 'accepted')
  t.equal(lenient.asked[0]?.form.token, 'abc=')
})

/** A key manager that takes `-` for `_`, a token that is used spelt so, and its revocation. */
async function respelt(t: Test, more: Partial<OpaqueAuthenticatorOptions> = {}) {
  const clock = { now: 0 }
  const state: { reply: Reply | Promise<Reply> } = { reply: { body: { ...ACTIVE, exp: EXP } } }
  const gateway = await introspecting(t, () => state.reply, { recheck: 1_000, monotonic: () => clock.now, ...more })
  t.equal(await gateway.ask('a-b'), 'accepted')
  return { ...gateway, clock, state, usable: () => gateway.opaque.known('a-b', NOW) !== undefined }
}

t.test('after a revocation an older answer is asked for again behind the requests that go on with it', async (t) => {
  const { opaque, ask, asked, askedTimes, clock, state, usable } = await respelt(t)
  opaque.tokenRevoked()
  t.equal(asked.length, 1, 'only about tokens that are used')
  state.reply = { body: { active: false } }
  t.notOk(ask('a-b') instanceof Promise && !usable(), 'answered at once')
  await askedTimes(2)
  while (usable()) await new Promise(setImmediate)
  t.equal(clock.now, 0, 'as soon as the key manager says so')
  t.equal(await ask('a-b'), 'inactive')
  t.equal(asked.length, 2)
  t.strictSame(opaque.nameOf('a-b', NOW)?.subjects, [fingerprints.of('subject', 'alice')], 'its names are kept')
})

t.test('an answer from before a revocation is not used after the time that the configuration sets', async (t) => {
  const { opaque, ask, asked, clock, state } = await respelt(t, { recheck: 4_000 })
  opaque.tokenRevoked()
  clock.now = 3_999
  opaque.tokenRevoked()
  clock.now = 4_000
  state.reply = { status: 500 }
  t.equal(opaque.known('a-b', NOW), undefined)
  t.equal(await ask('a-b'), 'key-manager', 'not on the old answer')
  t.equal(asked.length, 2)
  state.reply = { body: ACTIVE }
  t.equal(await ask('a-b'), 'accepted')
})

t.test('a key manager that fails is asked once in a while about an answer that may still be used', async (t) => {
  const { opaque, ask, askedTimes, asked, clock, state } = await respelt(t)
  opaque.tokenRevoked()
  state.reply = { status: 500 }
  for (let i = 0; i < 5; i++) t.equal(await ask('a-b'), 'accepted')
  await askedTimes(2)
  while (opaque.authenticate('a-b', NOW) instanceof Promise) await new Promise(setImmediate)
  t.equal(asked.length, 2)
  clock.now = 500
  t.equal(await ask('a-b'), 'key-manager')
})

t.test('a request does not join a question that was asked too long before a revocation', async (t) => {
  const { opaque, ask, asked, askedTimes, clock, state } = await respelt(t)
  const [slow, quick] = [gate<Reply>(), gate<Reply>()]
  state.reply = slow.opened
  const before = ask('other')
  await askedTimes(2)
  opaque.tokenRevoked()
  clock.now = 1_000
  state.reply = quick.opened
  const after = ask('other')
  await askedTimes(3)
  quick.open({ body: { active: false } })
  t.equal(await after, 'inactive')
  slow.open({ body: ACTIVE })
  t.equal(await before, 'inactive', 'nor is the late answer used: it is asked for again')
  t.equal(asked.length, 4)
  t.equal(opaque.known('other', NOW), undefined)
})

t.test('any number of revocations ask about a token in use twice in the set time, and nobody waits', async (t) => {
  const { opaque, ask, asked, clock } = await respelt(t)
  for (clock.now = 0; clock.now < 10_000; clock.now += 25) {
    for (let i = 0; i < 10; i++) opaque.tokenRevoked()
    t.not(opaque.known('a-b', NOW), undefined)
    await ask(`another-${clock.now}`) // in the time of its answer, that about the other is there, too
  }
  const about = asked.filter(({ form }) => form.token === 'a-b').length
  t.ok(about >= 15 && about <= 22, `${about} times`)
})

t.test('a 401 to the gateway’s own access token: a new one, and the question once more', async (t) => {
  let issued = 0
  const clock = { now: NOW }
  const manager = await keyManager(t, ({ path, authorization }) => {
    if (path === '/token') return { body: { access_token: `own-${++issued}`, token_type: 'Bearer', expires_in: 3600 } }
    return authorization === 'Bearer own-2' ? { body: ACTIVE } : { status: 401 }
  })
  const client = httpClient(t)
  const clientCredential = { enabled: true, clientId: 'gw', clientSecret: new Secret('s3cret'), scopes: '' }
  const oauth2 = { ...noSecurity.oauth2, enabled: true, tokenUrl: `${manager.origin}/token`, clientCredential }
  const credentials = keyManagerCredentials({ ...noSecurity, oauth2 }, client, () => clock.now)
  await credentials.authorization()
  clock.now += 1_000
  const { opaque, lines } = await introspecting(t, () => ({}), {
    url: `${manager.origin}/oauth2/introspect`,
    client,
    credentials,
  })
  t.equal(await reasonOf(opaque.authenticate('token-1', NOW)), 'accepted')
  t.strictSame(
    manager.asked.map(({ path }) => path),
    ['/token', '/oauth2/introspect', '/token', '/oauth2/introspect'],
  )
  t.notMatch(inspect([opaque, lines], { depth: 9 }), /s3cret|own-/)
})
