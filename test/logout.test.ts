// Whole gateways that are told by an identity provider who has logged out.
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { openIdProvider } from './services/openid-provider.js'
import { startGateway, world } from './support/gateway.js'
import { createIssuer, type Issuer } from './support/issuer.js'
import { issuingWorld } from './support/issuing-world.js'
import { httpServer } from './support/servers.js'
import { statuses, statusOf } from './support/statuses.js'
import { EndlessUpstream, openStream } from './support/streams.js'

const [A, B] = ['https://issuer.example', 'https://other.example']
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const now = () => Math.floor(Date.now() / 1000)
const header = (typ?: string, kid = 'RS256') => JSON.stringify({ alg: 'RS256', kid, ...(typ && { typ }) })

/** A token of an issuer for a user and a session. */
function tokenOf(issuer: Issuer, iss: string, names: object): string {
  return issuer.signRaw(header(), JSON.stringify({ iss, iat: now() - 10, exp: now() + 3_600, azp: 'app', ...names }))
}

let messages = 0

/** A logout token of A. */
function logoutToken(issuer: Issuer, names: object): string {
  const claims = { iss: A, aud: 'app', jti: `m-${++messages}`, iat: now() - 10, events: { [EVENT]: {} }, ...names }
  return issuer.signRaw(header('logout+jwt'), JSON.stringify(claims))
}

/** A gateway that trusts A and B, and that A tells of logouts. */
async function loggingOut(t: Test, workers: number) {
  const upstream = new EndlessUpstream()
  const other = await createIssuer(B)
  const { origin } = await httpServer(t, (_, res) => res.end(other.jwks))
  const gatewayWorld = await issuingWorld(t, {
    workers,
    upstream: (req, res) => (req.url?.includes('/events') === true ? upstream.listener(req, res) : res.end('{}')),
    more: `
[[jwtTokenConfig]]
  issuer = "${B}"
  jwksURL = "${origin}"
[[identityProvider]]
  name = "idp"
  issuer = "${A}"
  clientIds = ["app"]
  backchannelLogout = true
  keycloakAdmin = true
`,
  })
  const { gateway } = gatewayWorld
  const post = (path: string, body: string, contentType: string, origin = gateway.https) =>
    gateway.call(`${origin}${path}`, { method: 'POST', headers: { 'content-type': contentType }, body })
  const logout = (token: string) =>
    post('/backchannel_logout/idp', `logout_token=${token}`, 'application/x-www-form-urlencoded')
  return { world: gatewayWorld, other, upstream, post, logout }
}

t.test(
  'a logout at the identity provider refuses the tokens and cuts the streams of that session or user alone, in every worker and after kill -9',
  { timeout: 90_000 },
  async (t) => {
    const { world, other, upstream, post, logout } = await loggingOut(t, 2)
    const { gateway } = world
    const names = { sub: 'alice', sid: 'one' }
    const [first, second, foreign] = [
      tokenOf(world, A, names),
      tokenOf(world, A, { sub: 'alice', session_state: 'two' }),
      tokenOf(other, B, names),
    ]
    const bob = tokenOf(world, A, { sub: 'bob', sid: 'three' })
    for (const token of [first, second, foreign, bob]) t.same(await statuses(gateway.http, token), new Set([200]))
    const [cut, flowing] = [
      await openStream(t, gateway.http, '/things/events', first),
      await openStream(t, gateway.http, '/things/events', bob),
    ]

    const answer = await logout(logoutToken(world, names))
    t.match(answer, { status: 200, body: '', headers: { 'cache-control': 'no-store' } })
    t.same(await statuses(gateway.http, first), new Set([401]), 'the session')
    for (const token of [second, foreign, bob]) t.same(await statuses(gateway.http, token), new Set([200]))
    t.equal((await cut.over).end, 'error')
    upstream.write(flowing.name, 'data: still there\n\n')
    await flowing.came('still there')

    t.match(await logout(logoutToken(world, { sid: 'two' })), { status: 200 })
    t.same(await statuses(gateway.http, second), new Set([401]), 'a session by its session_state')
    t.match(await logout(logoutToken(world, { sub: 'bob' })), { status: 200 })
    t.same(await statuses(gateway.http, bob), new Set([401]), 'a user')
    t.equal((await flowing.over).end, 'error')
    const later = tokenOf(world, A, { sub: 'bob', sid: 'four', iat: now() })
    t.same(await statuses(gateway.http, later), new Set([200]), 'who has logged in again')

    const action = {
      id: 'a-1',
      expiration: now() + 30,
      resource: 'app',
      action: 'PUSH_NOT_BEFORE',
      notBefore: now() - 5,
    }
    const jws = (claims: object) => world.signRaw(header('JWT'), JSON.stringify(claims))
    const ofApp = tokenOf(world, A, { sub: 'carol', sid: 'five' })
    const ofOther = tokenOf(world, A, { sub: 'carol', sid: 'five', azp: 'other', aud: 'app' })
    t.match(await post('/keycloak/idp/k_push_not_before', jws(action), 'text/plain'), { status: 204, body: '' })
    t.same(await statuses(gateway.http, ofApp), new Set([401]), 'before not-before')
    for (const token of [ofOther, later, foreign]) t.same(await statuses(gateway.http, token), new Set([200]))
    const sessions = { ...action, id: 'a-2', action: 'LOGOUT', keycloakSessionIds: ['four'] }
    t.match(await post('/keycloak/idp/k_logout', jws(sessions), 'text/plain'), { status: 204 })

    await gateway.process.end('SIGKILL')
    const again = await startGateway(t, world.configFile)
    await again.known()
    for (const token of [first, second, bob, ofApp, later])
      t.same(await statuses(again.http, token), new Set([401]), 'after kill -9')
    for (const token of [foreign, ofOther]) t.same(await statuses(again.http, token), new Set([200]), 'after kill -9')
  },
)

t.test(
  'what is no logout of the identity provider is refused, counted, and changes nothing',
  { timeout: 60_000 },
  async (t) => {
    const { world, other, post, logout } = await loggingOut(t, 1)
    const { gateway } = world
    const names = { sub: 'alice', sid: 'one' }
    const token = tokenOf(world, A, names)
    const good = logoutToken(world, names)
    const untyped = tokenOf(world, A, { ...names, events: { [EVENT]: {} } })
    const invalid = { status: 400, headers: { 'cache-control': 'no-store' }, body: /^\{"error":"invalid_request"/ }
    t.match(await logout(token), invalid, 'an access token')
    t.match(await logout(logoutToken(other, names)), invalid, 'another issuer’s key')
    t.match(await logout(logoutToken(world, { ...names, aud: 'stranger' })), invalid)
    t.match(await logout(`${good}&logout_token=${good}`), invalid, 'two tokens')
    for (let i = 0; i < 20; i++) {
      const stranger = world.signRaw(header('logout+jwt', `unknown-${i}`), JSON.stringify({ iss: A }))
      t.match(await logout(stranger), invalid, 'an unknown key')
    }
    t.match(await post('/backchannel_logout/idp', 'x'.repeat(1_000_000), 'application/x-www-form-urlencoded'), {
      status: 413,
    })
    const form = 'application/x-www-form-urlencoded'
    const plain = await fetch(`${gateway.http}/backchannel_logout/idp`, {
      method: 'POST',
      headers: { 'content-type': form },
      body: `logout_token=${good}`,
    })
    t.equal(plain.status, 404, 'the listener without TLS')
    t.equal((await gateway.call(`${gateway.https}/backchannel_logout/idp`)).status, 404, 'GET')
    t.match(await post('/backchannel_logout/other', `logout_token=${good}`, form), { status: 404 })
    t.match(await raw(gateway.https, good), /^HTTP\/1\.1 400 /, 'two credentials')
    t.equal(await statusOf(gateway.http, token), 200)

    t.equal(await statusOf(gateway.http, untyped), 401, 'a logout token of no type is no access token')
    for (const sub of ['carol', 'dave']) t.equal(await statusOf(gateway.http, tokenOf(world, A, { sub })), 200)
    t.equal(await statusOf(gateway.http, tokenOf(other, B, { sub: 'carol' })), 200)

    t.match(await logout(good), { status: 200 })
    t.equal(await statusOf(gateway.http, token), 401)
    const { revocations } = (await (await fetch(`${gateway.admin}/ready`)).json()) as {
      revocations: { sources: object[] }
    }
    t.match(
      revocations.sources.find((source) => 'name' in source && source.name === 'idp'),
      {
        role: 'push',
        status: 'live',
        revocations: 1,
        malformed: { 'unauthenticated-key': 20, audience: 2, 'unauthenticated-form': 1 },
      },
    )
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text()
    t.match(metrics, /mgw_source_state\{source="idp",role="push",state="live"\} 1/)
    t.match(metrics, /mgw_tokens_without_session_total\{issuer="https:\/\/issuer.example"\} 2\n/)
    t.notMatch(metrics, /mgw_tokens_without_session_total\{issuer="https:\/\/other/, 'it announces nothing')
    const warned = gateway.process.output().match(/tokens without sid and session_state are accepted/g)
    t.equal(warned?.length, 1)
    t.match(metrics, /mgw_source_revocations_total\{source="idp",role="push"\} 1/)
    t.match(metrics, /mgw_source_malformed_total\{source="idp",role="push",reason="unauthenticated-key"\} 20/)
    for (const secret of [good, token]) t.notOk(gateway.process.output().includes(secret), 'no token is in the log')
  },
)

/** A logout token with two Authorization headers, which no client would send. */
async function raw(origin: string, token: string): Promise<string> {
  const body = `logout_token=${token}`
  const { port } = new URL(origin)
  const socket = connect({ port: Number(port), host: '127.0.0.1', rejectUnauthorized: false })
  socket.write(
    `POST /backchannel_logout/idp HTTP/1.1\r\nhost: gateway\r\nauthorization: a\r\nauthorization: b\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

t.test('oidc-provider logs a session out, and then all of a user’s', async (t) => {
  const w = await world(t)
  const sts = await openIdProvider(t)
  const more = `
[[jwtTokenConfig]]
  issuer = "${sts.issuer}"
  jwksURL = "${await sts.jwksUrl()}"
[[identityProvider]]
  name = "sts"
  issuer = "${sts.issuer}"
  clientIds = ["app"]
  backchannelLogout = true
`
  const gateway = await startGateway(
    t,
    w.configFile(more, { realtime: 'enableRealtimeMessageRetrieval = false', persistent: '' }),
  )
  const logoutUri = `${gateway.https}/backchannel_logout/sts`
  const tokens = await Promise.all([
    sts.sign({ sub: 'alice', sid: 'one' }),
    sts.sign({ sub: 'alice', sid: 'two' }),
    sts.sign({ sub: 'bob', sid: 'one-more' }),
  ])
  const seen = () => Promise.all(tokens.map((token) => gateway.status(token)))
  t.same(await seen(), [200, 200, 200])
  await sts.logOut(logoutUri, 'alice', 'one')
  t.same(await seen(), [401, 200, 200])
  await sts.logOut(logoutUri, 'alice')
  t.same(await seen(), [401, 401, 200])
})
