import { join } from 'node:path'
import t from 'tap'
import { faults } from '../../../src/faults/index.js'
import { createLogging } from '../../../src/logging/index.js'
import { LoadShedding } from '../../../src/server/pipeline/load-shedding.js'
import { hostGateway } from '../../support/gateway-in-process.js'

/** Of 100 requests, how many are refused. */
function refusedOf100(shedding: LoadShedding): number {
  return Array.from({ length: 100 }, () => shedding.refuses()).filter(Boolean).length
}

t.test('a part of the requests is refused, more while it lags, less once it does not', async (t) => {
  const lines: string[] = []
  const logging = createLogging({ level: 'info', format: 'json', stream: { write: (line) => lines.push(line) } })
  const shedding = new LoadShedding(100, logging('RequestHandler'))
  const samples = (count: number, lag: number) => {
    for (let i = 0; i < count; i++) shedding.sample(lag)
    return refusedOf100(shedding)
  }
  t.equal(samples(10, 99), 0)
  t.equal(samples(2, 1_000), 0, 'as a collection of garbage does')
  t.equal(samples(1, 40), 0)
  t.equal(samples(3, 101), 10)
  t.equal(samples(2, 101), 30)
  t.equal(samples(9, 60), 30, 'between half and whole nothing changes')
  t.equal(samples(100, 101), 100)
  t.equal(samples(25, 49), 50)
  t.equal(samples(25, 49), 0)
  t.match(
    lines.map((line) => JSON.parse(line)),
    [{ level: 'warn', msg: /503/, lag: 101, limit: 100 }],
  )
  t.equal(lines.length, 1)
})

const CONFIG = `[server]
  workers = 1
  maxEventLoopLag = "50ms"
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = 0
[admin]
  port = 0
  token = "operator"
`

t.test('while the event loop lags requests are 503, health and revocations go on, and afterwards all', async (t) => {
  const { http, admin } = await hostGateway(
    t,
    join(t.testdir({ 'micro-gw.conf': CONFIG, api_definitions: {} }), 'micro-gw.conf'),
  )
  const ask = async (url: string, init: RequestInit = {}) => {
    const response = await fetch(url, init)
    return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.text() }
  }
  const headers = { authorization: 'Bearer operator', 'content-type': 'application/json' }
  const revocation = { method: 'POST', headers, body: '{"jti":"a"}' }
  const busy = setInterval(() => {
    for (const until = performance.now() + 120; performance.now() < until; );
  })
  t.teardown(() => clearInterval(busy))
  let refused = await ask(`${http}/no-api`)
  while (refused.status === 404) refused = await ask(`${http}/no-api`)
  t.strictSame(refused, { status: 503, retryAfter: '1', body: faults.overloaded.body })
  for (let i = 0; i < 3; i++) {
    t.equal((await ask(`${http}/health`)).status, 200)
    t.equal((await ask(`${admin}/revocations`, revocation)).status, 204)
  }
  clearInterval(busy)
  while ((await ask(`${http}/no-api`)).status !== 404);
})
