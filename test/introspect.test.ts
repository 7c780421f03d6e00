// Gateways that also introspect the JWTs of an issuer.
import t, { type Test } from 'tap'
import { keyManager } from './auth/key-manager.js'
import { type IssuingWorld, issuingWorld } from './support/issuing-world.js'
import { EndlessUpstream, openStream } from './support/streams.js'

const INTERVAL = 1_000

/** A gateway that asks the test about its JWTs. */
async function introspecting(t: Test) {
  const state = { inactive: new Set<string>(), isAway: false }
  const manager = await keyManager(t, ({ form: { token = '' } }) =>
    state.isAway ? { status: 500 } : { body: { active: !state.inactive.has(token) } },
  )
  const upstream = new EndlessUpstream()
  const world = await issuingWorld(t, {
    upstream: (req, res) => (req.url?.includes('/events') === true ? upstream.listener(req, res) : res.end('{}')),
    issuer: `  introspect = ${INTERVAL}
  introspectionUrl = "${manager.origin}/token/introspect"
  introspectionClientId = "gateway"
  introspectionClientSecret = "secret"`,
  })
  return { state, manager, upstream, world }
}

const statusOf = async ({ gateway }: IssuingWorld, token: string) =>
  (await fetch(`${gateway.http}/things/1`, { headers: { authorization: `Bearer ${token}` } })).status

t.test(
  'a token that its issuer calls inactive is refused within the interval, and its streams end; others go on',
  { timeout: 60_000 },
  async (t) => {
    const { state, manager, upstream, world } = await introspecting(t)
    const [jwt, other] = [(await world.issue('ES256')).jwt, (await world.issue('ES256')).jwt]
    const [stream, control] = [
      await openStream(t, world.gateway.http, '/things/events', jwt),
      await openStream(t, world.gateway.http, '/things/events', other),
    ]
    t.match(manager.asked[0], { path: '/token/introspect', authorization: /^Basic /, form: { token: jwt } })
    t.equal(manager.asked.filter(({ form }) => form.token === jwt).length, 1)
    t.equal(await statusOf(world, jwt), 200)

    state.inactive.add(jwt)
    const since = performance.now()
    const { end, at } = await stream.over
    t.equal(end, 'error')
    t.ok(at - since < 2 * INTERVAL, `cut after ${(at - since).toFixed(0)} ms`)
    t.equal(await statusOf(world, jwt), 401)
    await manager.askedTimes(manager.asked.length + 3) // the other stream is asked about all the while
    upstream.write(control.name, 'data: still there\n\n')
    await control.came('still there')
    t.equal(await statusOf(world, other), 200)
    const metrics = await (await fetch(`${world.gateway.admin}/metrics`)).text()
    t.match(metrics, /mgw_open_requests_ended_total\{reason="inactive"\} 1/)
    t.match(metrics, /mgw_revocation_list_entries\{kind="token"\} 0/, 'nothing is listed')

    state.inactive.delete(jwt)
    while ((await statusOf(world, jwt)) !== 200);
    t.pass('a wrong answer is put right')
    t.notOk(world.gateway.process.output().includes(jwt))
  },
)

t.test(
  'while nobody can be asked requests are 503, and streams end after two intervals',
  { timeout: 60_000 },
  async (t) => {
    const { state, world } = await introspecting(t)
    const { jwt } = await world.issue('ES256')
    const opened = performance.now()
    const stream = await openStream(t, world.gateway.http, '/things/events', jwt)
    state.isAway = true
    const unknown = (await world.issue('ES256')).jwt
    t.equal(await statusOf(world, unknown), 503)
    const { end, at } = await stream.over
    t.equal(end, 'error')
    t.ok(at - opened >= 2 * INTERVAL && at - opened < 4 * INTERVAL, `cut after ${(at - opened).toFixed(0)} ms`)
    t.equal(await statusOf(world, jwt), 503, 'not served from behind')
    const metrics = await (await fetch(`${world.gateway.admin}/metrics`)).text()
    t.match(metrics, /mgw_open_requests_ended_total\{reason="unconfirmed"\} 1/)
    state.isAway = false
    t.equal(await statusOf(world, jwt), 200)
  },
)
