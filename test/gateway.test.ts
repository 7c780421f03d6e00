import t from 'tap'
import { openLink } from './services/link.js'
import { jtiOf, type RunningGateway, startGateway, world } from './support/gateway.js'

t.test('a token that was revoked while the gateway was down never passes after its restart, under load', async (t) => {
  const w = await world(t)
  const [revoked, control] = [await w.token(), await w.token()]
  const configFile = w.configFile()
  const first = await startGateway(t, configFile)
  await first.known()
  t.equal(await first.status(revoked), 200)
  t.equal(await first.process.end('SIGKILL'), 'SIGKILL')
  await w.revoke(revoked)

  const second = await startGateway(t, configFile)
  const seen = new Map<number, number>()
  let ended = false
  const load = async () => {
    while (!ended) {
      const status = await second.status(revoked)
      seen.set(status, (seen.get(status) ?? 0) + 1)
    }
  }
  const loads = Array.from({ length: 8 }, load)
  await second.known()
  while ((seen.get(401) ?? 0) < 100) await second.status(control)
  ended = true
  await Promise.all(loads)
  t.notOk(seen.has(200), `statuses: ${[...seen].join(' ')}`)
  t.equal(await second.status(control), 200, 'a control token passes')
})

t.test('a hub that is down at the first start: 503 until it is up, /health 200 all along', async (t) => {
  const w = await world(t)
  const token = await w.token()
  await w.stopHub()
  const gateway = await startGateway(t, w.configFile('[tokenRevocationConfig.journal]\n  enable = false'))
  await gateway.process.printed(/cannot list the store/)
  const refused = await fetch(`${gateway.http}/things/v1/thing/1`, { headers: { authorization: `Bearer ${token}` } })
  t.equal(refused.status, 503)
  t.equal(refused.headers.get('retry-after'), '5')
  t.match(await refused.json(), { fault: { code: 900900 } })
  t.equal((await fetch(`${gateway.http}/health`)).status, 200)
  t.equal((await gateway.call(`${gateway.https}/health`)).body, '{"status":"healthy"}')
  t.equal((await fetch(`${gateway.http}/things/v1/open`)).status, 200, 'an API without security answers')
  const ready = await fetch(`${gateway.admin}/ready`)
  t.equal(ready.status, 503)
  t.match(await ready.text(), /event hub/)
  t.equal((await fetch(`${gateway.admin}/live`)).status, 200)
  await w.startHub()
  await gateway.known()
  t.equal(await gateway.status(token), 200)
  t.equal((await fetch(`${gateway.admin}/ready`)).status, 200)
})

t.test('a resource without security refuses a revoked token', async (t) => {
  const w = await world(t)
  const gateway = await startGateway(t, w.configFile())
  await gateway.known()
  const [revoked, control] = [await w.token(), await w.token()]
  const open = async (authorization?: string) => {
    const headers = authorization === undefined ? {} : { authorization }
    const answer = await fetch(`${gateway.http}/things/v1/open`, { headers })
    await answer.arrayBuffer()
    return answer.status
  }
  t.equal(await open(`Bearer ${revoked}`), 200)
  await w.revoke(revoked)
  while ((await gateway.status(revoked)) !== 401);
  const before = w.reached.length
  t.equal(await open(`Bearer ${revoked}`), 401)
  t.equal(await open(`bearer  ${revoked}=`), 401, 'nor in another spelling')
  t.equal(await open('Bearer what is this?'), 401, 'nor what might be one')
  t.equal(w.reached.length, before)
  t.equal(await open(`Bearer ${control}`), 200)
  t.equal(await open('Bearer not-ours-but-somebodys'), 200, 'it is for the upstream to judge')
  t.equal(await open('Basic YTpi'), 200)
  t.equal(await open(), 200)
})

t.test('a revocation published to another topic has no effect', async (t) => {
  const w = await world(t)
  const [token, marker] = [await w.token(), await w.token()]
  const gateway = await startGateway(t, w.configFile())
  await gateway.known()
  w.broker.publish('anotherTopic', { revokedToken: jtiOf(token), ttl: '3600' })
  await w.revoke(marker) // comes after it, on the same connection
  while ((await gateway.status(marker)) !== 401);
  t.equal(await gateway.status(token), 200)
})

t.test('a revocation that the topic never carried is learnt from the hub after the broker was away', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startGateway(t, w.configFile())
  await gateway.known()
  await w.revoke(token, true)
  t.equal(await gateway.status(token), 200, 'nobody has said so yet')
  w.broker.dropConnections()
  while ((await gateway.status(token)) !== 401);
  t.pass('the gap was followed by a listing')
})

t.test('the upstream gets the path without the base path', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startGateway(t, w.configFile())
  await gateway.known()
  w.reached.length = 0
  const answer = await gateway.call(`${gateway.https}/things/v1/thing/a%20b?c=%2F&d`, {
    headers: { authorization: `Bearer ${token}` },
  })
  t.equal(answer.status, 200)
  t.strictSame(w.reached, ['/up/thing/a%20b?c=%2F&d'])
})

t.test('requests under way end when the gateway is asked to stop; it exits with 0', async (t) => {
  const w = await world(t)
  const token = await w.token()
  const gateway = await startGateway(t, w.configFile())
  await gateway.known()
  const open = gateway.status(token, 'slow')
  await w.holding(1)
  const ended = gateway.process.end('SIGTERM')
  await t.rejects(async () => {
    for (;;) await gateway.status(token)
  }, 'no new connection is accepted')
  for (const answer of w.held) answer()
  t.equal(await open, 200)
  t.equal(await ended, 0)
})

t.test(
  'with every source down a restarted gateway refuses what it knew, and serves the rest from its journal',
  async (t) => {
    const w = await world(t)
    const [revoked, control] = [await w.token(), await w.token()]
    const grace = '[tokenRevocationConfig]\n  startupGrace = "2s"'
    // The hub's list is read through it; the hub's keys are not.
    const link = await openLink(t, Number(new URL(w.hub().url).port))
    const persistent = `enablePersistentStorageRetrieval = true
endpointURL = "https://localhost:${link.port}/internal/data/v1"
username = "admin"
password = "admin"
caFile = "${w.hub().caFile}"`
    const configFile = w.configFile(grace, { persistent })
    const first = await startGateway(t, configFile)
    await first.known()
    t.equal(await first.status(control), 200)
    await w.revoke(revoked)
    while ((await first.status(revoked)) !== 401);
    while ((await journalOf(first)).waiting > 0);
    t.equal(await first.process.end('SIGKILL'), 'SIGKILL')

    link.cut()
    await w.broker.close()
    const second = await startGateway(t, configFile)
    t.equal(await second.status(revoked), 503, 'nothing is known yet')
    await second.known()
    t.equal(await second.status(revoked), 401)
    t.equal(await second.status(control), 200)
  },
)

/** What `/ready` says of the journal. */
async function journalOf(gateway: RunningGateway): Promise<{ readonly waiting: number }> {
  const { revocations } = (await (await fetch(`${gateway.admin}/ready`)).json()) as {
    revocations: { journal: { waiting: number } }
  }
  return revocations.journal
}
