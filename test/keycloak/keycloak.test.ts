// The gateway with a real Keycloak 26.7 for its identity provider: what each way to end access there does here, and in what time.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { ensureSelfSigned } from '../../src/certificates/index.js'
import { freePort } from '../services/free-port.js'
import { type RunningGateway, startGateway } from '../support/gateway.js'
import { httpServer } from '../support/servers.js'
import { EndlessUpstream, openStream } from '../support/streams.js'
import { echo, webSocketServer } from '../support/web-sockets.js'
import { type Keycloak, keycloakMissing, SECRET, startKeycloak, type Tokens } from './keycloak-server.js'
import { makeRealms, OTHER, REALM, userId } from './realms.js'

/** Milliseconds from the identity provider's answer until access has ended. */
const TOLD_WITHIN = 1_000
/** Of what nobody announces. */
const INTROSPECT = 2_000

interface Site {
  readonly keycloak: Keycloak
  readonly upstream: EndlessUpstream
  /** Is told by Keycloak, and asks nobody. */
  readonly told: RunningGateway
  /** Is told nothing, and introspects. */
  readonly asking: RunningGateway
  readonly restart: () => Promise<RunningGateway>
}

/** What a user has open at a gateway. */
interface Access {
  readonly token: string
  readonly stream: Awaited<ReturnType<typeof openStream>>
  readonly socket: WebSocket
  /** Resolves when stream and WebSocket are over: to the moment (`performance.now()`). */
  readonly cut: Promise<number>
}

async function accessOf(t: Test, { http }: RunningGateway, token: string): Promise<Access> {
  const stream = await openStream(t, http, '/things/events', token)
  const socket = new WebSocket(`${http.replace('http', 'ws')}/sockets/echo`, {
    headers: { authorization: `Bearer ${token}` },
  })
  t.teardown(() => socket.terminate())
  socket.on('error', () => undefined)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  const cut = Promise.all([stream.over, closed]).then(() => performance.now())
  return { token, stream, socket, cut }
}

const statusOf = async ({ http }: RunningGateway, token: string) =>
  (await fetch(`${http}/things/1`, { headers: { authorization: `Bearer ${token}`, connection: 'close' } })).status

/** Both of a user's connections still carry something, and the next call is served. */
async function goesOn(
  t: Test,
  { upstream }: Site,
  gateway: RunningGateway,
  { token, stream, socket }: Access,
  who: string,
) {
  const text = `still there ${performance.now()}`
  upstream.write(stream.name, `data: ${text}\n\n`)
  await stream.came(text)
  const echoed = new Promise((resolve) => socket.once('message', resolve))
  socket.send(text)
  await echoed
  t.equal(await statusOf(gateway, token), 200, `${who} notices nothing`)
}

/** Ends alice's access, and sees it end, within so many ms of Keycloak's answer, while others notice nothing. */
async function endsAccess(
  t: Test,
  site: Site,
  gateway: RunningGateway,
  end: (tokens: Tokens) => Promise<unknown>,
  within: number,
) {
  const { keycloak } = site
  const alice = await keycloak.logIn(REALM, 'app', 'alice')
  const [hers, bobs, others] = await Promise.all([
    accessOf(t, gateway, alice.access_token),
    accessOf(t, gateway, (await keycloak.logIn(REALM, 'app2', 'bob')).access_token),
    accessOf(t, gateway, (await keycloak.logIn(OTHER, 'app', 'alice')).access_token),
  ])
  t.equal(await statusOf(gateway, alice.access_token), 200)
  await end(alice)
  const since = performance.now()
  while ((await statusOf(gateway, alice.access_token)) !== 401) if (performance.now() - since > 3 * within) break
  const refused = performance.now() - since
  t.equal(await statusOf(gateway, alice.access_token), 401)
  const cut = (await hers.cut) - since
  t.comment(`refused after ${refused.toFixed(0)} ms, cut after ${cut.toFixed(0)} ms`)
  t.ok(refused < within && cut < within, `within ${within} ms`)
  await goesOn(t, site, gateway, bobs, 'bob')
  await goesOn(t, site, gateway, others, 'the other realm’s alice')
}

function configurationOf(
  ports: { readonly https: number },
  keycloak: Keycloak,
  upstreams: { http: string; sockets: string },
  mode: 'told' | 'asking',
) {
  const issuers = [REALM, OTHER].map(
    (realm) => `
[[jwtTokenConfig]]
  issuer = "${keycloak.issuer(realm)}"
  jwksURL = "${keycloak.issuer(realm)}/protocol/openid-connect/certs"
${
  mode === 'told'
    ? ''
    : `  introspect = ${INTROSPECT}
  introspectionUrl = "${keycloak.issuer(realm)}/protocol/openid-connect/token/introspect"
  introspectionClientId = "gateway"
  introspectionClientSecret = "${SECRET}"`
}`,
  )
  const provider = `
[[identityProvider]]
  name = "idp"
  issuer = "${keycloak.issuer(REALM)}"
  clientIds = ["app"]
  backchannelLogout = true
  keycloakAdmin = true
`
  return `
[server]
  workers = 1
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = ${ports.https}
[admin]
  port = 0
[[apis]]
  name = "things"
  basePath = "/things"
  endpoints = "${upstreams.http}"
[[apis]]
  name = "sockets"
  basePath = "/sockets"
  endpoints = "${upstreams.sockets}"
${issuers.join('')}
${mode === 'told' ? provider : ''}`
}

async function siteOf(t: Test): Promise<Site> {
  const directory = t.testdir({ told: {}, asking: {} })
  const upstream = new EndlessUpstream()
  const { origin: http } = await httpServer(t, (req, res) =>
    req.url?.includes('/events') === true ? upstream.listener(req, res) : res.end('{}'),
  )
  const { origin: sockets } = await webSocketServer(t, (socket) => echo(socket))
  const https = await freePort()
  const { certFile } = await ensureSelfSigned(join(directory, 'told', 'state'))
  const keycloak = await startKeycloak(t, { trusted: certFile })
  await makeRealms(keycloak, `https://localhost:${https}`)
  const start = async (mode: 'told' | 'asking') => {
    const file = join(directory, mode, 'micro-gw.conf')
    mkdirSync(join(directory, mode, 'api_definitions'), { recursive: true })
    const text = configurationOf(
      { https: mode === 'told' ? https : 0 },
      keycloak,
      { http, sockets: sockets.replace('ws', 'http') },
      mode,
    )
    writeFileSync(
      file,
      text.replace('workers = 1', `workers = 1\n  stateDirectory = "${join(directory, mode, 'state')}"`),
    )
    return startGateway(t, file)
  }
  return { keycloak, upstream, told: await start('told'), asking: await start('asking'), restart: () => start('told') }
}

t.test('a real Keycloak', { skip: keycloakMissing(), timeout: 300_000 }, async (t) => {
  const site = await siteOf(t)
  const { keycloak, told, asking } = site
  const alice = await userId(keycloak, REALM, 'alice')
  const ofRefreshToken = (endpoint: string, name: string) => (tokens: Tokens) =>
    keycloak.post(REALM, endpoint, 'app', { [name]: tokens.refresh_token })
  const bySecond = () => new Promise((resolve) => setTimeout(resolve, 1_100)) // `notBefore` has whole seconds

  await t.test('an admin logs the user out: told', (t) =>
    endsAccess(t, site, told, () => keycloak.admin('POST', `/${REALM}/users/${alice}/logout`), TOLD_WITHIN),
  )
  await t.test('the client logs the user out: told', (t) =>
    endsAccess(t, site, told, ofRefreshToken('logout', 'refresh_token'), TOLD_WITHIN),
  )
  await t.test('not-before is pushed: told', (t) =>
    endsAccess(
      t,
      site,
      told,
      async () => {
        await bySecond()
        const realm = (await keycloak.admin('GET', `/${REALM}`)) as object
        await keycloak.admin('PUT', `/${REALM}`, { ...realm, notBefore: Math.floor(Date.now() / 1000) })
        const pushed = (await keycloak.admin('POST', `/${REALM}/push-revocation`)) as { failedRequests?: string[] }
        t.same(pushed.failedRequests ?? [], [], 'Keycloak counts it as a success')
        await keycloak.admin('PUT', `/${REALM}`, { ...realm, notBefore: 0 })
      },
      TOLD_WITHIN,
    ),
  )
  await t.test('all sessions of the realm are logged out: told', (t) =>
    endsAccess(
      t,
      site,
      told,
      async () => {
        const done = (await keycloak.admin('POST', `/${REALM}/logout-all`)) as { failedRequests?: string[] }
        t.same(done.failedRequests ?? [], [], 'Keycloak counts it as a success')
      },
      TOLD_WITHIN,
    ),
  )
  await t.test('the token is revoked (RFC 7009): nobody tells, asked', (t) =>
    endsAccess(t, site, asking, ofRefreshToken('revoke', 'token'), 2 * INTROSPECT),
  )
  await t.test('the user is disabled: nobody tells, asked', (t) =>
    endsAccess(
      t,
      site,
      asking,
      () => keycloak.admin('PUT', `/${REALM}/users/${alice}`, { enabled: false }),
      2 * INTROSPECT,
    ),
  )
  await keycloak.admin('PUT', `/${REALM}/users/${alice}`, { enabled: true })

  await t.test(
    'a gateway that was away is not told, keeps what it was told before, and one that asks finds out',
    async (t) => {
      const [before, missed] = await Promise.all(['app', 'app'].map((client) => keycloak.logIn(REALM, client, 'alice')))
      if (before === undefined || missed === undefined) throw new Error('not logged in')
      await keycloak.post(REALM, 'logout', 'app', { refresh_token: before.refresh_token })
      t.equal(await statusOf(told, before.access_token), 401)
      await told.process.end('SIGKILL')
      await keycloak.post(REALM, 'logout', 'app', { refresh_token: missed.refresh_token })
      const again = await site.restart()
      t.equal(await statusOf(again, before.access_token), 401, 'of the journal')
      t.equal(await statusOf(again, missed.access_token), 200, 'missed')
      t.equal(await statusOf(asking, missed.access_token), 401)
    },
  )
})
