// A gateway that receives the security events of a real Keycloak 26.7: what each action there ends here, polled and pushed.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../src/certificates/index.js'
import { freePort } from '../services/free-port.js'
import { type RunningGateway, startGateway } from '../support/gateway.js'
import { httpServer } from '../support/servers.js'
import { EndlessUpstream, openStream } from '../support/streams.js'
import { type Keycloak, keycloakMissing, SECRET, startKeycloak, type Tokens } from './keycloak-server.js'
import { makeRealms, OTHER, REALM, userId } from './realms.js'

const POLL_INTERVAL = 500
/** Keycloak pushes every 30 s, and to no loopback address, unless it is told otherwise. */
const TRANSMITTER = ['outbox-drainer-interval=500ms', 'allow-insecure-push-targets=true'].map(
  (option) => `--spi-ssf-transmitter--default--${option}`,
)
/** Milliseconds from Keycloak's answer until access has ended: its pace or ours, and what it takes. */
const WITHIN = { poll: POLL_INTERVAL + 1_000, push: 2_000 }
type Delivery = keyof typeof WITHIN

interface Site {
  readonly keycloak: Keycloak
  readonly gateways: Record<Delivery, RunningGateway>
  restart(delivery: Delivery): Promise<RunningGateway>
}

const statusOf = async ({ http }: RunningGateway, { access_token: token }: Tokens) =>
  (await fetch(`${http}/things/1`, { headers: { authorization: `Bearer ${token}`, connection: 'close' } })).status

/** Lets the realm transmit, and makes a receiver's client. */
async function makeReceiver(keycloak: Keycloak, clientId: string, attributes: object): Promise<void> {
  await keycloak.admin('POST', `/${REALM}/clients`, {
    clientId,
    secret: SECRET,
    enabled: true,
    publicClient: false,
    standardFlowEnabled: false,
    serviceAccountsEnabled: true,
    optionalClientScopes: ['ssf.manage', 'ssf.read'],
    attributes: { 'ssf.enabled': 'true', 'ssf.defaultSubjects': 'ALL', ...attributes },
  })
}

function configurationOf(keycloak: Keycloak, upstream: string, delivery: Delivery, https: number): string {
  const issuer = keycloak.issuer(REALM)
  const keys = (realm: string) => `
[[jwtTokenConfig]]
  issuer = "${keycloak.issuer(realm)}"
  jwksURL = "${keycloak.issuer(realm)}/protocol/openid-connect/certs"
`
  return `
[server]
  workers = 1
  stateDirectory = "state"
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = ${https}
[admin]
  port = 0
[[apis]]
  name = "things"
  basePath = "/things"
  endpoints = "${upstream}"
${keys(REALM)}${keys(OTHER)}
[[identityProvider]]
  name = "keycloak"
  issuer = "${issuer}"
  [identityProvider.ssf]
    delivery = "${delivery}"
    tokenUrl = "${issuer}/protocol/openid-connect/token"
    clientId = "receiver-${delivery}"
    clientSecret = "${SECRET}"
    events = ["session-revoked", "credential-change"]
    pollInterval = "${POLL_INTERVAL}ms"
    pushUrl = "https://localhost:${https}"
    pushAuthorization = "Bearer 0123456789abcdef0123456789abcdef"
`
}

async function siteOf(t: Test): Promise<Site> {
  const directory = t.testdir({ poll: { api_definitions: {} }, push: { api_definitions: {} } })
  const upstream = new EndlessUpstream()
  const { origin } = await httpServer(t, (req, res) =>
    req.url?.includes('/events') === true ? upstream.listener(req, res) : res.end('{}'),
  )
  const { certFile } = await ensureSelfSigned(join(directory, 'push', 'state'))
  const keycloak = await startKeycloak(t, { trusted: certFile, features: 'ssf', more: TRANSMITTER })
  await makeRealms(keycloak, 'https://localhost:1')
  const https = await freePort()
  const realm = (await keycloak.admin('GET', `/${REALM}`)) as { attributes?: object }
  const attributes = { ...realm.attributes, 'ssf.transmitterEnabled': 'true' }
  await keycloak.admin('PUT', `/${REALM}`, { ...realm, attributes })
  await makeReceiver(keycloak, 'receiver-poll', {})
  await makeReceiver(keycloak, 'receiver-push', { 'ssf.validPushUrls': `https://localhost:${https}/*` })
  const start = async (delivery: Delivery) => {
    mkdirSync(join(directory, delivery, 'state'), { recursive: true })
    const file = join(directory, delivery, 'micro-gw.conf')
    writeFileSync(file, configurationOf(keycloak, origin, delivery, delivery === 'push' ? https : 0))
    const gateway = await startGateway(t, file)
    if (delivery === 'poll') await gateway.known()
    return gateway
  }
  return { keycloak, gateways: { poll: await start('poll'), push: await start('push') }, restart: start }
}

/** An event ends what was issued in its second, too: whoever logs in after it has a token of a later one. */
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1_000 - (Date.now() % 1_000)))

/** Ends alice's access, and sees it end in time, while others notice nothing. */
async function endsAccess(
  t: Test,
  { keycloak, gateways }: Site,
  delivery: Delivery,
  end: (tokens: Tokens) => Promise<unknown>,
  spares: 'another session of hers' | 'bob alone' = 'bob alone',
) {
  const gateway = gateways[delivery]
  await nextSecond()
  const [alice, second, bob, other] = [
    await keycloak.logIn(REALM, 'app2', 'alice'),
    await keycloak.logIn(REALM, 'app2', 'alice'),
    await keycloak.logIn(REALM, 'app2', 'bob'),
    await keycloak.logIn(OTHER, 'app2', 'alice'),
  ]
  const stream = await openStream(t, gateway.http, '/things/events', alice.access_token)
  t.equal(await statusOf(gateway, alice), 200)
  await end(alice)
  const since = performance.now()
  const cut = (await stream.over).at - since
  t.equal(await statusOf(gateway, alice), 401)
  t.comment(`${delivery}: cut after ${cut.toFixed(0)} ms`)
  t.ok(cut < WITHIN[delivery], `within ${WITHIN[delivery]} ms`)
  t.equal(await statusOf(gateway, second), spares === 'bob alone' ? 401 : 200, 'another session of hers')
  t.equal(await statusOf(gateway, bob), 200, 'bob notices nothing')
  t.equal(await statusOf(gateway, other), 200, 'the other realm’s alice notices nothing')
}

t.test('the security events of a real Keycloak', { skip: keycloakMissing(), timeout: 400_000 }, async (t) => {
  const site = await siteOf(t)
  const { keycloak, gateways } = site
  const alice = await userId(keycloak, REALM, 'alice')
  const byAdmin = () => keycloak.admin('POST', `/${REALM}/users/${alice}/logout`)
  const byClient = (tokens: Tokens) => keycloak.post(REALM, 'logout', 'app2', { refresh_token: tokens.refresh_token })
  const byPassword = () =>
    keycloak.admin('PUT', `/${REALM}/users/${alice}/reset-password`, {
      type: 'password',
      value: SECRET,
      temporary: false,
    })

  for (const delivery of ['poll', 'push'] as const) {
    await t.test(`an admin logs the user out (session-revoked, ALL): ${delivery}`, (t) =>
      endsAccess(t, site, delivery, byAdmin),
    )
    await t.test(`the client logs out (session-revoked, one session): ${delivery}`, (t) =>
      endsAccess(t, site, delivery, byClient, 'another session of hers'),
    )
    await t.test(`the password is reset (credential-change): ${delivery}`, (t) =>
      endsAccess(t, site, delivery, byPassword),
    )
  }

  await t.test('a gateway that was away finds what the poll stream has kept, before it serves', async (t) => {
    await nextSecond()
    const [hers, bobs] = [await keycloak.logIn(REALM, 'app2', 'alice'), await keycloak.logIn(REALM, 'app2', 'bob')]
    t.equal(await statusOf(gateways.poll, hers), 200)
    await gateways.poll.process.end('SIGKILL')
    await byAdmin()
    const again = await site.restart('poll')
    t.equal(await statusOf(again, hers), 401)
    t.equal(await statusOf(again, bobs), 200)
  })

  await t.test('a push stream is live', async (t) => {
    const { revocations } = (await (await fetch(`${gateways.push.admin}/ready`)).json()) as { revocations: object }
    t.match(revocations, { sources: [{ name: 'keycloak ssf', role: 'push', status: 'live' }] })
  })
})
