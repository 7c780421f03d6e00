import t, { type Test } from 'tap'
import { Introspection, introspected, keyManagerUrl } from '../../src/auth/introspection.js'
import { keyManagerCredentials } from '../../src/auth/key-manager-credentials.js'
import type { Credential } from '../../src/token/credential.js'
import { httpClient } from '../support/servers.js'
import { keyManager, noSecurity, type Reply } from './key-manager.js'
import { fingerprints, NOW } from './tokens.js'

const OPAQUE: Credential = { kind: 'opaque', token: 'a-token' }
const ACTIVE = { active: true, token_type: 'Bearer', sub: 'alice' }
const EXP = NOW / 1000 + 3_600
const SKEW = 5_000
const LIMIT = 900_000

/** What {@link introspected} makes of an answer: the reason of a refusal, or until when it may be used, from now. */
function worth(claims: object, more: { acceptUntypedTokens?: boolean } = {}): string | number {
  const options = { timestampSkew: SKEW, cacheExpiryTime: LIMIT, fingerprints, ...more }
  const outcome = introspected(OPAQUE, { ...claims }, NOW, options)
  return 'fault' in outcome ? outcome.reason : outcome.authenticated.usableUntil - NOW
}

t.test('the URL of an endpoint has no empty segments', async (t) => {
  const cases: readonly (readonly [server: string, context: string, url: string])[] = [
    ['https://km:9443', 'oauth2', 'https://km:9443/oauth2/introspect'],
    ['https://km:9443/', '/oauth2/', 'https://km:9443/oauth2/introspect'],
    ['https://km/a//b/', 'realms//x', 'https://km/a/b/realms/x/introspect'],
    ['https://km?x=1', 'oauth2', 'https://km/oauth2/introspect'],
  ]
  for (const [server, context, url] of cases) t.equal(keyManagerUrl(server, context, 'introspect'), url)
})

t.test('an answer is used until the token ends, with the skew, and no longer than it may be cached', async (t) => {
  t.equal(worth({ ...ACTIVE, exp: NOW / 1000 + 60 }), 60_000 + SKEW)
  t.equal(worth({ ...ACTIVE, exp: EXP }), LIMIT)
  t.equal(worth(ACTIVE), 10_000, 'without an end, for ten seconds')
  t.equal(worth({ ...ACTIVE, exp: NOW / 1000 - 5 }), 'expired')
  t.equal(worth({ ...ACTIVE, exp: NOW / 1000 - 4 }), 1_000)
  t.equal(worth({ ...ACTIVE, exp: EXP, nbf: NOW / 1000 + 5 }), LIMIT)
  t.equal(worth({ ...ACTIVE, exp: EXP, nbf: NOW / 1000 + 6 }), 'claims')
})

t.test('a time that is none is the key manager’s error, not the token’s', async (t) => {
  for (const claims of [{ exp: 'soon' }, { exp: null }, { exp: EXP * 1000 }, { exp: EXP, nbf: 'now' }]) {
    t.throws(() => worth({ ...ACTIVE, ...claims }), { code: 'ERR_INTROSPECTION' }, JSON.stringify(claims))
  }
})

t.test('only what the answer calls an access token is one, in every member that says what it is', async (t) => {
  for (const types of [
    { token_type: 'bearer' },
    { token_type: 'JWT' },
    { token_type: undefined, typ: 'at+jwt' },
    { token_type: undefined, token_use: 'access_token' },
    { typ: 'Bearer', token_use: 'access_token' },
  ]) {
    t.equal(worth({ ...ACTIVE, exp: EXP, ...types }), LIMIT, JSON.stringify(types))
  }
  for (const types of [{ typ: 'Refresh' }, { token_use: 'refresh_token' }, { token_type: 'N_A' }, { token_type: 1 }]) {
    for (const acceptUntypedTokens of [false, true]) {
      t.equal(worth({ ...ACTIVE, exp: EXP, ...types }, { acceptUntypedTokens }), 'token-type', JSON.stringify(types))
    }
  }
  const untyped = { active: true, exp: EXP }
  t.equal(worth(untyped), 'token-type')
  t.equal(worth(untyped, { acceptUntypedTokens: true }), LIMIT)
})

async function asking(t: Test, answer: (count: number) => Reply) {
  const manager = await keyManager(t, () => answer(manager.asked.length))
  const client = httpClient(t)
  const credentials = keyManagerCredentials(noSecurity, client)
  const introspection = new Introspection({
    url: `${manager.origin}/oauth2/introspect`,
    client,
    credentials,
    timeout: 5_000,
  })
  return { ...manager, ask: () => introspection.ask('a-token', AbortSignal.timeout(5_000)) }
}

t.test('active claims are given whole, and no claims for a token that is not active', async (t) => {
  const claims = { ...ACTIVE, exp: EXP, more: { a: [1] } }
  const active = await asking(t, () => ({ body: claims }))
  t.same(await active.ask(), claims)
  t.same(active.asked, [
    {
      path: '/oauth2/introspect',
      authorization: undefined,
      form: { token: 'a-token', token_type_hint: 'access_token' },
    },
  ])
  const inactive = await asking(t, () => ({ body: { active: false, sub: 'alice' } }))
  t.equal(await inactive.ask(), undefined)
})

t.test('any other answer is an error that names the host, and never the token', async (t) => {
  for (const reply of [
    { status: 401 },
    { status: 204 },
    { body: '' },
    { body: '[]' },
    { body: { active: 'true' } },
    { body: '{"active":false,"active":true}' },
    { body: `{"active":true,"x":"${'a'.repeat(300_000)}"}` },
  ]) {
    const { ask } = await asking(t, () => reply)
    const error = await ask().catch((each: unknown) => each)
    t.ok(error instanceof Error, JSON.stringify(reply).slice(0, 80))
    t.notMatch(String(error), 'a-token')
  }
})
