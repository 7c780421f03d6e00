import t, { type Test } from 'tap'
import { jtiOf, type RunningGateway, startGateway, world } from '../support/gateway.js'
import { startCluster } from '../workers/cluster.js'

async function metrics(gateway: RunningGateway): Promise<Map<string, number>> {
  const answer = await fetch(`${gateway.admin}/metrics`)
  const lines = (await answer.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

/** Asks until a metric has a value. */
async function metricsWhen(gateway: RunningGateway, name: string, isIt: (value: number) => boolean) {
  for (;;) {
    const all = await metrics(gateway)
    if (isIt(all.get(name) ?? Number.NaN)) return all
  }
}

/** The requests of which there are so many: by status and reason. */
const REQUESTS = {
  'status="200",reason="upstream"': 2,
  'status="401",reason="revoked"': 3,
  'status="401",reason="missing"': 1,
  'status="401",reason="malformed"': 1,
  'status="403",reason="no-resource"': 1,
}

async function ask(t: Test, gateway: RunningGateway, revoke: (token: string) => Promise<void>, tokens: string[]) {
  const [good = '', revoked = ''] = tokens
  t.equal(await gateway.status(good), 200)
  t.equal(await gateway.status(good), 200)
  await revoke(revoked)
  for (let refused = 0; refused < 3; ) {
    const status = await gateway.status(revoked)
    if (status === 401) refused++
    else t.fail(`revoked, and answered ${status}`)
  }
  await fetch(`${gateway.http}/things/v1/thing/1`)
  await fetch(`${gateway.http}/things/v1/thing/1`, { headers: { authorization: 'Bearer a b' } })
  await fetch(`${gateway.http}/things/v1/nothing`)
  await fetch(`${gateway.http}/elsewhere`)
}

for (const workers of [1, 2]) {
  t.test(`requests are counted by API, status and reason, with ${workers} workers`, async (t) => {
    const w = await world(t)
    const gateway = await startCluster(t, w, workers, '', { admin: 'token = "the-admins-own"' })
    await gateway.known()
    if (workers > 1) await gateway.ready(workers)
    const tokens = [await w.token(), await w.token()]
    const revoke = async (token: string) => {
      const { status } = await fetch(`${gateway.admin}/revocations`, {
        method: 'POST',
        headers: { authorization: 'Bearer the-admins-own', 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
      })
      t.equal(status, 204)
    }
    await ask(t, gateway, revoke, tokens)
    const all = await metrics(gateway)
    for (const [labels, count] of Object.entries(REQUESTS)) {
      t.equal(all.get(`mgw_http_requests_total{api="Things",version="1.0.0",${labels}}`), count, labels)
    }
    t.equal(all.get('mgw_http_requests_total{api="",version="",status="404",reason="no-api"}'), 1)
    t.equal(all.get('mgw_http_request_duration_seconds_count{api="Things",version="1.0.0"}'), 8)
    t.equal(all.get('mgw_upstream_response_duration_seconds_count{api="Things",version="1.0.0"}'), 2)
    t.equal(all.get('mgw_upstream_requests_in_progress{api="Things",version="1.0.0"}'), 0)
    t.equal(all.get('mgw_workers'), workers)
    t.equal(all.get('mgw_revocation_list_entries{kind="token"}'), 1)
    const processes = workers === 1 ? ['primary'] : ['primary', '1', '2']
    for (const name of processes) t.ok((all.get(`process_cpu_seconds_total{process="${name}"}`) ?? 0) > 0, name)
    t.equal(all.has('process_cpu_seconds_total{process="1"}'), workers === 2)
    const text = JSON.stringify([...all.keys()])
    for (const token of tokens) t.notOk(text.includes(token) || text.includes(jtiOf(token)), 'names no token')
  })
}

t.test('sources, list, journal and an upstream that fails are in the metrics', async (t) => {
  const w = await world(t)
  const gateway = await startGateway(t, w.configFile())
  await gateway.known()
  const token = await w.token()
  await w.revoke(token)
  const lag = 'mgw_source_lag_seconds_count{source="amqp-1-0"}'
  const all = await metricsWhen(gateway, lag, (count) => count === 1)
  t.ok((all.get('mgw_source_lag_seconds_sum{source="amqp-1-0"}') ?? 99) < 60)
  for (const [name, value] of Object.entries({
    'mgw_source_revocations_total{source="amqp-1-0",role="realtime"}': 1,
    'mgw_source_state{source="amqp-1-0",role="realtime",state="live"}': 1,
    'mgw_source_state{source="amqp-1-0",role="realtime",state="gap"}': 0,
    'mgw_source_state{source="event hub",role="store",state="live"}': 1,
    'mgw_source_listings_total{source="event hub",outcome="failed"}': 0,
    mgw_revocation_list_known: 1,
    mgw_ready: 1,
    mgw_journal_writable: 1,
    mgw_journal_damages: 0,
    mgw_workers: 1,
  })) {
    t.equal(all.get(name), value, name)
  }
  t.ok((all.get('mgw_source_listings_total{source="event hub",outcome="succeeded"}') ?? 0) > 0)
  t.ok((all.get('mgw_journal_bytes') ?? 0) > 0)
  t.ok((all.get('mgw_revocation_list_bytes') ?? 0) > 0)
  w.broker.publish('tokenRevocation', { nothing: 'that names a token' })
  const malformed = 'mgw_source_malformed_total{source="amqp-1-0",role="realtime",reason="no-token"}'
  await metricsWhen(gateway, malformed, (count) => count === 1)
})

t.test('an open request that a revocation ends is counted', async (t) => {
  const w = await world(t)
  const gateway = await startGateway(t, w.configFile())
  await gateway.known()
  const token = await w.token()
  const open = gateway.status(token, 'slow')
  await w.holding(1)
  t.equal((await metrics(gateway)).get('mgw_open_requests'), 1)
  await w.revoke(token)
  t.equal(await open, 401)
  const all = await metrics(gateway)
  t.equal(all.get('mgw_open_requests'), 0)
  t.equal(all.get('mgw_open_requests_ended_total{reason="revoked"}'), 1)
  t.equal(all.get('mgw_http_requests_total{api="Things",version="1.0.0",status="401",reason="revoked"}'), 1)
})
