// The gateway with a real OpenID provider (npm oidc-provider) for its key manager and the issuer of its JWTs.
import { decodeProtectedHeader } from 'jose'
import t, { type Test } from 'tap'
import { etcdMissing, startEtcd } from './services/etcd.js'
import { AUDIENCE, CLIENT, GATEWAY, newKey, type OpenIdProvider, openIdProvider } from './services/openid-provider.js'
import { type RunningGateway, startGateway, type World, world } from './support/gateway.js'
import { form } from './support/https-client.js'

const REALTIME_OFF = 'enableRealtimeMessageRetrieval = false'

/** The lines that make the provider the key manager and an issuer. */
async function trusting(w: World, sts: OpenIdProvider): Promise<string> {
  return `${w.keyManager(sts.issuer)}
[keymanager.security.basic]
  enabled = true
  username = "${GATEWAY.clientId}"
  password = "${GATEWAY.clientSecret.reveal()}"
[[jwtTokenConfig]]
  issuer = "${sts.issuer}"
  audience = "${AUDIENCE}"
  consumerKeyClaim = "client_id"
  jwksURL = "${await sts.jwksUrl()}"`
}

/** Posts to the gateway's own `/revoke`, with the client's credentials, which are the provider's to check. */
async function revoke(gateway: RunningGateway, at: string, token: string, secret = CLIENT.secret): Promise<number> {
  const { headers, ...rest } = form({ token })
  const authorization = `Basic ${Buffer.from(`${CLIENT.id}:${secret}`).toString('base64')}`
  return (await gateway.call(`${at}/revoke`, { ...rest, headers: { ...headers, authorization } })).status
}

t.test('two gateways that share only etcd', { skip: etcdMissing() }, async (t) => {
  const w = await world(t)
  const etcd = await startEtcd(t)
  const sts = await openIdProvider(t, { revokesJwts: true })
  const persistent = `enablePersistentStorageRetrieval = true
type = "etcd"
endpointURL = "${etcd.url}/v3/keys/jti/"`
  const more = await trusting(w, sts)
  const start = async (name: string) => {
    const gateway = await startGateway(t, w.configFile(more, { realtime: REALTIME_OFF, persistent }, name))
    await gateway.known()
    return gateway
  }
  const [a, b] = await Promise.all([start('a'), start('b')])

  for (const kind of ['jwt', 'opaque'] as const) {
    for (const listener of ['https', 'tokens'] as const) {
      const title = `${kind} revoked at ${listener}: the one refuses it at once, the other within a second`
      t.test(title, async (t) => {
        const [token, control] = await Promise.all([sts[kind](), sts[kind]()])
        t.equal(token.split('.').length, kind === 'jwt' ? 3 : 1)
        for (const gateway of [a, b]) t.equal(await gateway.status(token), 200)
        t.equal(await revoke(a, a[listener], token, 'wrong'), 401, 'not by a client that the provider does not know')
        for (const gateway of [a, b]) t.equal(await gateway.status(token), 200)

        t.equal(await revoke(a, a[listener], token), 200)
        const answered = performance.now()
        t.equal(await a.status(token), 401)
        while ((await b.status(token)) !== 401);
        const took = performance.now() - answered
        t.comment(`${kind}: refused by the other gateway ${took.toFixed(0)} ms after the answer`)
        t.ok(took < 1_000, `${took.toFixed(0)} ms`)
        for (const gateway of [a, b]) {
          t.equal(await gateway.status(control), 200, 'another token passes')
          t.notOk(gateway.process.output().includes(token), 'no token is in the log')
        }
      })
    }
  }
})

t.test('a provider that does not revoke JWTs says so, and nothing is listed', async (t) => {
  const { gateway, sts } = await alone(t)
  const [jwt, opaque] = await Promise.all([sts.jwt(), sts.opaque()])
  t.equal(await revoke(gateway, gateway.https, jwt), 400)
  t.equal(await gateway.status(jwt), 200, 'its client was told that it was not revoked')
  t.equal(await revoke(gateway, gateway.https, opaque), 200)
  t.equal(await gateway.status(opaque), 401)
})

t.test('key rotation under load loses no request whose key is published', async (t) => {
  const { gateway, sts } = await alone(t)
  const keys = Array.from({ length: 5 }, (_, n) => newKey(`key-${n}`))
  const published = new Set<string>()
  const publish = (...kids: number[]) => {
    const set = kids.flatMap((kid) => keys[kid] ?? [])
    sts.signWith(set)
    published.clear()
    for (const { kid } of set) published.add(kid)
  }
  const issued: string[] = []
  const lost: string[] = []
  let [asked, ended] = [0, false]
  const ask = async (token: string) => {
    const status = await gateway.status(token)
    const { kid = '' } = decodeProtectedHeader(token)
    if (status !== 200 && published.has(kid)) lost.push(`${kid}: ${status}`)
    asked++
  }
  const load = async (lane: number) => {
    while (!ended) {
      if (lane === 0) issued.push(await sts.jwt())
      await ask(issued[Math.floor(Math.random() * issued.length)] ?? '')
    }
  }
  const rounds = async () => {
    for (const goal = asked + 50; asked < goal; ) await ask(await sts.jwt())
  }
  publish(0)
  const old = await sts.jwt()
  issued.push(old)
  const lanes = [0, 1, 2, 3].map(load)
  await rounds()
  publish(1, 0) // each of these comes within seconds of the last: no cool-down may stand in their way
  await rounds()
  publish(2, 1, 0)
  await rounds()
  t.equal(await gateway.status(old), 200)
  publish(3, 2)
  await rounds()
  t.equal(await gateway.status(old), 401, 'a token whose key was dropped, though it had been verified before')
  ended = true
  await Promise.all(lanes)
  t.strictSame(lost, [], `${asked} requests`)
})

async function alone(t: Test): Promise<{ gateway: RunningGateway; sts: OpenIdProvider }> {
  const w = await world(t)
  const sts = await openIdProvider(t)
  const off = { realtime: REALTIME_OFF, persistent: '' }
  return { sts, gateway: await startGateway(t, w.configFile(await trusting(w, sts), off)) }
}
