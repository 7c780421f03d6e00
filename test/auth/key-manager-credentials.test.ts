import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { type KeyManagerSecurity, keyManagerCredentials } from '../../src/auth/key-manager-credentials.js'
import { Secret } from '../../src/config/secret.js'
import { httpClient } from '../support/servers.js'
import { gate, keyManager, noSecurity, type Reply } from './key-manager.js'

type OAuth2 = KeyManagerSecurity['oauth2']
const CLIENT = { enabled: true, clientId: 'gate:way', clientSecret: new Secret('s3cret/+ é'), scopes: 'introspect' }
const BASIC = `Basic ${Buffer.from('gate%3Away:s3cret%2F%2B+%C3%A9').toString('base64')}`

function oauth2(settings: Partial<OAuth2>): KeyManagerSecurity {
  return { ...noSecurity, oauth2: { ...noSecurity.oauth2, enabled: true, ...settings } }
}

/** A token endpoint that gives `token-1`, `token-2` ..., and a clock. */
async function tokenEndpoint(t: Test, more: object = { expires_in: 3600 }) {
  const state: { now: number; reply: Reply | undefined; held: Promise<unknown> } = {
    now: 1_000_000,
    reply: undefined,
    held: Promise.resolve(),
  }
  let issued = 0
  const manager = await keyManager(t, async () => {
    const count = ++issued
    await state.held
    return state.reply ?? { body: { access_token: `token-${count}`, token_type: 'Bearer', ...more } }
  })
  const credentials = (settings: Partial<OAuth2>) =>
    keyManagerCredentials(
      oauth2({ tokenUrl: `${manager.origin}/oauth2/token`, ...settings }),
      httpClient(t),
      () => state.now,
    )
  return { ...manager, state, credentials }
}

t.test('no user name is no authentication; with one it is Basic', async (t) => {
  const client = httpClient(t)
  t.equal(await keyManagerCredentials(noSecurity, client).authorization(), undefined)
  const basic = { enabled: true, username: 'admin', password: new Secret('pass') }
  const credentials = keyManagerCredentials({ ...noSecurity, basic }, client)
  t.equal(await credentials.authorization(), 'Basic YWRtaW46cGFzcw==')
  t.equal(credentials.rejected('Basic YWRtaW46cGFzcw=='), false, 'the same again would be rejected again')
  const off = { ...basic, enabled: false }
  t.equal(await keyManagerCredentials({ ...noSecurity, basic: off }, client).authorization(), undefined)
})

t.test('a direct token is sent as it is', async (t) => {
  const security = oauth2({ directToken: { enabled: true, accessToken: new Secret('direct') } })
  const credentials = keyManagerCredentials(security, httpClient(t))
  t.equal(await credentials.authorization(), 'Bearer direct')
  t.equal(credentials.rejected('Bearer direct'), false)
})

t.test('the client’s credentials go where credentialBearer says', async (t) => {
  const body = { client_id: 'gate:way', client_secret: 's3cret/+ é' }
  const cases = [
    ['AUTH_HEADER_BEARER', BASIC, {}],
    ['POST_BODY_BEARER', undefined, body],
    ['NO_BEARER', undefined, { client_id: 'gate:way' }],
  ] as const
  for (const [credentialBearer, authorization, form] of cases) {
    const { asked, credentials } = await tokenEndpoint(t)
    await credentials({ credentialBearer, clientCredential: CLIENT }).authorization()
    t.strictSame(asked, [
      {
        path: '/oauth2/token',
        authorization,
        form: { grant_type: 'client_credentials', scope: 'introspect', ...form },
      },
    ])
  }
})

t.test('the password grant sends the resource owner’s name and password', async (t) => {
  const { asked, credentials } = await tokenEndpoint(t)
  const password = { ...CLIENT, scopes: '', username: 'admin', password: new Secret('pass') }
  t.equal(await credentials({ password }).authorization(), 'Bearer token-1')
  t.strictSame(asked[0]?.form, { grant_type: 'password', username: 'admin', password: 'pass' })
})

t.test('a token is fetched once for all, and again shortly before it expires', async (t) => {
  const { asked, state, credentials } = await tokenEndpoint(t)
  const source = credentials({ clientCredential: CLIENT })
  const all = await Promise.all(Array.from({ length: 20 }, () => source.authorization()))
  t.strictSame(new Set(all), new Set(['Bearer token-1']))
  t.equal(asked.length, 1)
  state.now += 3_569_999
  t.equal(await source.authorization(), 'Bearer token-1')
  state.now += 1
  t.equal(await source.authorization(), 'Bearer token-2')
})

t.test('a token that is rejected is dropped; a newer one is not', async (t) => {
  const { asked, state, credentials } = await tokenEndpoint(t)
  const source = credentials({ clientCredential: CLIENT })
  const first = await source.authorization()
  t.equal(source.rejected(first), false, 'one that was just issued: the next would be rejected too')
  state.now += 1_000
  t.equal(source.rejected(first), true)
  t.equal(await source.authorization(), 'Bearer token-2')
  t.equal(source.rejected(first), true, 'a late answer to the first')
  t.equal(await source.authorization(), 'Bearer token-2')
  t.equal(asked.length, 2)
})

t.test('a direct token that is rejected is refreshed, and the refresh token follows', async (t) => {
  const { asked, state, credentials } = await tokenEndpoint(t, { expires_in: 60, refresh_token: 'second' })
  const source = credentials({
    directToken: { enabled: true, accessToken: new Secret('direct') },
    refresh: { ...CLIENT, scopes: '', refreshToken: new Secret('first'), refreshUrl: undefined },
  })
  t.equal(await source.authorization(), 'Bearer direct')
  t.equal(source.rejected('Bearer direct'), true)
  t.equal(await source.authorization(), 'Bearer token-1')
  state.now += 60_000
  t.equal(await source.authorization(), 'Bearer token-2')
  t.strictSame(
    asked.map(({ form }) => form),
    [
      { grant_type: 'refresh_token', refresh_token: 'first' },
      { grant_type: 'refresh_token', refresh_token: 'second' },
    ],
  )
})

t.test('an unusable token response is an error, and the endpoint is not called again at once', async (t) => {
  const replies: [string, Reply][] = [
    ['a refusal', { status: 400, body: { error: 'invalid_client' } }],
    ['a failure', { status: 500, body: 'token-1' }],
    ['no JSON', { body: '<html>' }],
    ['no token', { body: { token_type: 'Bearer' } }],
    ['a token that would split the header', { body: { access_token: 'a\r\nb', token_type: 'Bearer' } }],
    ['another type', { body: { access_token: 'a', token_type: 'DPoP' } }],
    ['a token twice', { body: '{"access_token":"a","access_token":"b","token_type":"Bearer"}' }],
  ]
  for (const [title, reply] of replies) {
    const { asked, state, credentials } = await tokenEndpoint(t)
    state.reply = reply
    const source = credentials({ clientCredential: CLIENT })
    await t.rejects(source.authorization(), { code: 'ERR_KEY_MANAGER_CREDENTIALS' }, title)
    await t.rejects(source.authorization(), { code: 'ERR_KEY_MANAGER_CREDENTIALS' }, title)
    t.equal(asked.length, 1, title)
    state.reply = undefined
    state.now += 1_000
    t.equal(await source.authorization(), 'Bearer token-2', title)
  }
})

t.test('nothing of a secret is in an error or in what the credentials print', async (t) => {
  const { state, credentials } = await tokenEndpoint(t)
  const source = credentials({ clientCredential: CLIENT, credentialBearer: 'POST_BODY_BEARER' })
  state.reply = { status: 401, body: 's3cret token-1' }
  const error: unknown = await source.authorization().catch((cause: unknown) => cause)
  t.notMatch(inspect([error, source], { depth: 9, showHidden: true }), /s3cret|token-1/)
})

t.test('while a token is fetched, those who come wait for it', async (t) => {
  const { asked, askedTimes, state, credentials } = await tokenEndpoint(t)
  const { opened, open } = gate<void>()
  state.held = opened
  const source = credentials({ clientCredential: CLIENT })
  const first = source.authorization()
  await askedTimes(1)
  const second = source.authorization()
  open()
  t.strictSame(await Promise.all([first, second]), ['Bearer token-1', 'Bearer token-1'])
  t.equal(asked.length, 1)
})

t.test('settings that lack something, or contradict each other, are errors', async (t) => {
  const tokenUrl = 'http://127.0.0.1:1/token'
  const directToken = { enabled: true, accessToken: new Secret('direct') }
  const password = { ...CLIENT, username: '', password: new Secret('') }
  const refresh = { ...CLIENT, refreshToken: new Secret('r'), refreshUrl: undefined }
  const cases: [string, Partial<OAuth2>][] = [
    ['no grant', { tokenUrl }],
    ['no tokenUrl', { clientCredential: CLIENT }],
    ['two grants', { tokenUrl, clientCredential: CLIENT, directToken }],
    ['no user name', { tokenUrl, password }],
    ['an empty direct token', { directToken: { enabled: true, accessToken: new Secret('') } }],
    ['refresh beside another grant', { tokenUrl, clientCredential: CLIENT, refresh }],
    ['no refreshUrl', { refresh }],
    ['no refresh token', { tokenUrl, refresh: { ...refresh, refreshToken: new Secret('') } }],
  ]
  for (const [title, settings] of cases) {
    const make = () => keyManagerCredentials(oauth2(settings), httpClient(t))
    t.throws(make, { code: 'ERR_KEY_MANAGER_CREDENTIALS' }, title)
  }
})
