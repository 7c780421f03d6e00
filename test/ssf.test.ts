// Whole gateways that receive the security events of a transmitter.
import t, { type Test } from 'tap'
import { newSet } from './ssf-receiver/signing.js'
import { Transmitter } from './ssf-receiver/transmitter.js'
import { startGateway } from './support/gateway.js'
import type { Issuer } from './support/issuer.js'
import { issuingWorld } from './support/issuing-world.js'
import { statuses } from './support/statuses.js'
import { EndlessUpstream, openStream } from './support/streams.js'

const ISSUER = 'https://issuer.example'
const OTHER = 'https://other.example'
const AUTHORIZATION = 'Bearer 0123456789abcdef0123456789abcdef'
const EVENT = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked'
const now = () => Math.floor(Date.now() / 1000)

/** A token of the issuer for a user and a session, issued a while ago. */
function tokenOf(issuer: Issuer, sub: string, sid: string): string {
  const claims = { iss: ISSUER, iat: now() - 10, exp: now() + 3_600, sub, sid, jti: `${sub} ${sid}` }
  return issuer.signRaw(JSON.stringify({ alg: 'RS256', kid: 'RS256' }), JSON.stringify(claims))
}

const user = (sub: string, iss = ISSUER) => ({ format: 'iss_sub', iss, sub })
const session = (id: string) => ({ format: 'complex', session: { format: 'opaque', id } })
const revoked = (sub_id: object) => ({ sub_id, events: { [EVENT]: {} } })

async function receiving(t: Test, delivery: string, workers: number) {
  const transmitter = await Transmitter.start()
  t.teardown(() => transmitter.close())
  const upstream = new EndlessUpstream()
  const world = await issuingWorld(t, {
    workers,
    upstream: (req, res) => (req.url?.includes('/events') === true ? upstream.listener(req, res) : res.end('{}')),
    more: `
[[identityProvider]]
  name = "idp"
  issuer = "${ISSUER}"
  [identityProvider.ssf]
    transmitter = "${transmitter.issuer}"
    tokenUrl = "${transmitter.issuer}/token"
    clientId = "gateway"
    clientSecret = "secret"
    pollInterval = "100ms"
${delivery}
`,
  })
  return { transmitter, upstream, world }
}

t.test(
  'events of a poll stream refuse tokens and cut streams in every worker; none is lost that came while the gateway was down, or was killed before it acknowledged',
  { timeout: 120_000 },
  async (t) => {
    const { transmitter, upstream, world } = await receiving(t, '', 2)
    const { gateway } = world
    const [first, second, bob, carol, dora] = [
      tokenOf(world, 'alice', 'one'),
      tokenOf(world, 'alice', 'two'),
      tokenOf(world, 'bob', 'three'),
      tokenOf(world, 'carol', 'four'),
      tokenOf(world, 'dora', 'five'),
    ]
    for (const token of [first, second, bob, carol, dora]) t.same(await statuses(gateway.http, token), new Set([200]))
    const [cut, flowing] = [
      await openStream(t, gateway.http, '/things/events', first),
      await openStream(t, gateway.http, '/things/events', second),
    ]
    const jti = transmitter.send(revoked(session('one')))
    t.equal((await cut.over).end, 'error')
    await transmitter.until(() => transmitter.acknowledged.has(jti))
    t.same(await statuses(gateway.http, first), new Set([401]))
    const foreign = transmitter.send(revoked(user('bob', OTHER)))
    await transmitter.until(() => transmitter.refused.has(foreign))
    for (const token of [second, bob, carol]) t.same(await statuses(gateway.http, token), new Set([200]))
    upstream.write(flowing.name, 'data: still there\n\n')
    await flowing.came('still there')
    const whole = transmitter.send(revoked(user('alice')))
    t.equal((await flowing.over).end, 'error', 'all sessions of the user')
    await transmitter.until(() => transmitter.acknowledged.has(whole))
    t.same(await statuses(gateway.http, second), new Set([401]))

    const state = (await (await fetch(`${gateway.admin}/ready`)).json()) as { revocations: { sources: object[] } }
    t.match(
      state.revocations.sources.find((source) => 'name' in source && source.name === 'idp ssf'),
      { role: 'stream', status: 'live', revocations: 2, malformed: { 'subject-foreign': 1 } },
    )
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text()
    t.match(metrics, /mgw_source_state\{source="idp ssf",role="stream",state="live"\} 1/)

    transmitter.behaviour.losesAcks = true
    const delivered = new Promise<void>((resolve) => transmitter.once('delivered', () => resolve()))
    transmitter.send(revoked(user('bob')))
    await delivered
    await gateway.process.end('SIGKILL')
    transmitter.behaviour.losesAcks = false
    transmitter.send(revoked(session('four')))
    const again = await startGateway(t, world.configFile)
    await again.known()
    for (const token of [first, second, bob, carol]) t.same(await statuses(again.http, token), new Set([401]))
    t.same(await statuses(again.http, dora), new Set([200]))
    await transmitter.until(() => transmitter.waiting.size === 0)
    t.equal(transmitter.counts.created, 1, 'the stream is found again')
    const output = gateway.process.output() + again.process.output()
    for (const secret of [first, 'alice', 'bob', 'secret"'])
      t.notOk(output.includes(secret), 'nothing of it is in the log')
  },
)

t.test('events that are pushed to the secure listener of any worker', { timeout: 60_000 }, async (t) => {
  const { transmitter, world } = await receiving(
    t,
    `    delivery = "push"
    pushUrl = "https://gateway.example"
    pushAuthorization = "${AUTHORIZATION}"
    verificationInterval = 0`,
    2,
  )
  const { gateway } = world
  const token = tokenOf(world, 'alice', 'one')
  const [key] = transmitter.keys
  if (key === undefined) throw new Error('no key')
  await transmitter.until(() => transmitter.stream !== undefined)
  t.strictSame(transmitter.stream?.delivery, {
    method: 'urn:ietf:rfc:8935',
    endpoint_url: 'https://gateway.example/ssf/idp',
    authorization_header: AUTHORIZATION,
  })
  const { issuer, audience } = transmitter
  const set = newSet({ issuer, audience, key }, revoked(session('one')))
  const headers = { 'content-type': 'application/secevent+jwt', authorization: AUTHORIZATION }
  const push = (body: string, more: object = {}) =>
    gateway.call(`${gateway.https}/ssf/idp`, { method: 'POST', headers: { ...headers, ...more }, body })
  t.match(await push(set, { authorization: 'Bearer x' }), { status: 400, body: /"err":"authentication_failed"/ })
  t.match(await push(token), { status: 400, body: /"err":"invalid_request"/ }, 'an access token')
  t.match(await push('x'.repeat(1_000_000)), { status: 413 })
  const plain = await fetch(`${gateway.http}/ssf/idp`, { method: 'POST', headers, body: set })
  t.equal(plain.status, 404, 'the listener without TLS')
  t.same(await statuses(gateway.http, token), new Set([200]))
  t.match(await push(set), { status: 202, body: '', headers: { 'cache-control': 'no-store' } })
  t.same(await statuses(gateway.http, token), new Set([401]))
  t.match(await push(set), { status: 202 }, 'again')
  await gateway.process.end('SIGKILL')
  const again = await startGateway(t, world.configFile)
  await again.known()
  t.same(await statuses(again.http, token), new Set([401]), 'after kill -9')
})
