import t from 'tap'
import { config, problems, read } from '../files.js'

const ISSUER = '[[jwtTokenConfig]]\nissuer = "https://idp"\njwksURL = "https://idp/jwks"\n'
const PROVIDER = '[[identityProvider]]\nname = "idp"\nissuer = "https://idp"\n'
const LOGOUT = `${PROVIDER}backchannelLogout = true\nclientIds = ["app"]\n`

t.test('an identity provider is off unless its channels are named', async (t) => {
  t.match(config(ISSUER + LOGOUT).identityProvider, [
    { name: 'idp', clientIds: ['app'], backchannelLogout: true, keycloakAdmin: false, realmWide: false },
  ])
  t.match(read(ISSUER + PROVIDER).warnings, [{ path: 'identityProvider[0]', message: /nothing is received/ }])
})

t.test('an identity provider that could say nothing, or anything, is a problem', async (t) => {
  const cases: readonly [text: string, path: string, problem: RegExp][] = [
    [LOGOUT, 'identityProvider[0].issuer', /no \[\[jwtTokenConfig\]\] has this issuer/],
    [
      `[[jwtTokenConfig]]\nissuer = "https://idp"\nsharedSecret = "s"\n${LOGOUT}`,
      'identityProvider[0].issuer',
      /a shared secret proves nothing/,
    ],
    [`${ISSUER}${LOGOUT}${LOGOUT}`, 'identityProvider[1].name', /another has this name/],
    [`${ISSUER}${PROVIDER}backchannelLogout = true`, 'identityProvider[0].clientIds', /no message would be accepted/],
    [`${ISSUER}${LOGOUT}realmWide = true`, 'identityProvider[0].realmWide', /needs keycloakAdmin/],
    [ISSUER + LOGOUT.replace('"idp"', '"a/b"'), 'identityProvider[0].name', /letters a to z/],
  ]
  for (const [text, path, problem] of cases) t.match(problems(text).get(path), problem, path)
})

t.test('introspect needs somebody to ask, and a second', async (t) => {
  const url = 'introspectionUrl = "https://idp/introspect"\n'
  t.equal(config(`${ISSUER}introspect = "30s"\n${url}`).jwtTokenConfig[0]?.introspect, 30_000)
  t.equal(config(`${ISSUER}introspect = "1s"\n[keyManager]\n`).jwtTokenConfig[0]?.introspect, 1_000)
  t.match(problems(`${ISSUER}introspect = "30s"`).get('jwtTokenConfig[0].introspectionUrl'), /nobody to introspect/)
  t.match(problems(`${ISSUER}introspect = 999\n${url}`).get('jwtTokenConfig[0].introspect'), /at least 1s/)
})

t.test('a receiver of Shared Signals', async (t) => {
  const SSF = `${PROVIDER}[identityProvider.ssf]\ntokenUrl = "https://idp/token"\nclientId = "gateway"\n`
  t.match(config(ISSUER + SSF).identityProvider[0]?.ssf, {
    delivery: 'poll',
    events: ['session-revoked', 'sessions-revoked', 'account-disabled', 'account-purged'],
    pollInterval: 2_000,
    verificationInterval: 300_000,
  })
  t.same(read(ISSUER + SSF).warnings, [], 'it is a channel')
  const name = (key: string) => `identityProvider[0].ssf.${key}`
  const unkept = `${ISSUER}${SSF}[tokenRevocationConfig.journal]\nenable = false\n`
  t.match(problems(unkept).get(name('delivery')), /lost on restart: the journal is off/)
  const store = '[tokenRevocationConfig.persistent]\nenablePersistentStorageRetrieval = true\n'
  t.match(problems(`${unkept}${store}endpointURL = "https://hub"\n`).get(name('delivery')), /lost on restart/)
  config(`${unkept}${store}type = "etcd"\nendpointURL = "https://etcd"\n`)
  const push = `${ISSUER}${SSF}delivery = "push"\n`
  t.match(problems(push).get(name('pushUrl')), /not told where to push/)
  t.match(problems(`${push}pushAuthorization = "Bearer 123"`).get(name('pushAuthorization')), /at least 16 characters/)
  t.match(problems(`${ISSUER}${SSF}events = ["logout"]`).get(name('events[0]')), /must be one of/)
  t.match(problems(`${ISSUER}${SSF}events = []`).get(name('events')), /must name an event/)
  const urn = (ISSUER + SSF).replaceAll('"https://idp"', '"urn:idp"')
  t.match(problems(urn).get(name('transmitter')), /the issuer is no URL/)
})
