import type { RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import type { Api, Endpoint, Endpoints } from '../../../src/apis/api.js'
import { DEFAULT_ENDPOINT_RULES } from '../../../src/proxy/index.js'
import { demandingApi } from '../../apis/demanding.js'
import { accessToken } from '../../support/gateway-in-process.js'
import { httpServer } from '../../support/servers.js'
import { type Pipeline, pipeline } from './pipeline.js'

const RETRY = { count: 2, interval: 1, backOffFactor: 1, maxInterval: 1, statusCodes: [503] }
const jtiOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).jti

/** A pipeline whose API has two upstreams, in this order. Both note what reaches them. */
async function withTwo(
  t: Test,
  first: RequestListener,
  more: Partial<Endpoints> = {},
): Promise<{ gateway: Pipeline; reached: string[] }> {
  const reached: string[] = []
  const { origin } = await httpServer(t, (req, res) => {
    reached.push('first')
    first(req, res)
  })
  const apisOf = (second: string): Api[] => {
    const urls: [Endpoint, Endpoint] = [
      { origin, pathname: '' },
      { origin: second, pathname: '' },
    ]
    const production = { type: 'failover', urls, credentials: undefined, timeout: undefined, ...more } as const
    const api = demandingApi('/a', 'GET /b')
    return [{ ...api, resources: api.resources.map((resource) => ({ ...resource, production })) }]
  }
  const gateway = await pipeline(
    t,
    apisOf,
    (_, res) => {
      reached.push('second')
      res.end('{}')
    },
    { openRequests: undefined, endpoints: { ...DEFAULT_ENDPOINT_RULES, ejectionTime: 60_000 } },
  )
  return { gateway, reached }
}

t.test('a revocation that comes between two tries refuses the request: the next upstream gets nothing', async (t) => {
  const failures: [what: string, fail: RequestListener, more: Partial<Endpoints>][] = [
    ['an answer that is to be repeated', (_, res) => res.writeHead(503).end(), { retry: RETRY }],
    ['a connection that is lost', (req) => req.socket.resetAndDestroy(), {}],
    ['a connection that is lost in the middle of the head', (req) => void req.socket.end('HTTP/1.1 20'), {}],
  ]
  for (const [what, fail, more] of failures) {
    const token = await accessToken()
    let isRevoked = true
    const { gateway, reached } = await withTwo(
      t,
      (req, res) => {
        if (isRevoked) gateway.revoke({ kind: 'token', id: jtiOf(token), expiresAt: undefined })
        fail(req, res)
      },
      more,
    )
    t.equal(await gateway.get('/a/b', { authorization: `Bearer ${token}` }), '401 900901', what)
    t.strictSame(reached, ['first'])
    isRevoked = false
    t.equal(await gateway.get('/a/b', { authorization: `Bearer ${await accessToken()}` }), '200')
    t.equal(reached.at(-1), 'second', 'with another token it is sent there')
  }
})

t.test('an upstream whose circuit is open is not asked: 503 with Retry-After', async (t) => {
  const circuitBreaker = {
    requestVolumeThreshold: 2,
    timeWindow: 60_000,
    bucketSize: 1_000,
    failureThreshold: 0.5,
    resetTime: 60_000,
    statusCodes: [500],
  }
  const { gateway, reached } = await withTwo(t, (_, res) => res.writeHead(500).end(), { type: 'http', circuitBreaker })
  const headers = { authorization: `Bearer ${await accessToken()}` }
  t.equal(await gateway.get('/a/b', headers), '500')
  t.equal(await gateway.get('/a/b', headers), '500')
  const refused = await fetch(`http://127.0.0.1:${gateway.port}/a/b`, { headers })
  t.strictSame([refused.status, refused.headers.get('retry-after')], [503, '5'])
  t.match(await refused.json(), { fault: { code: 101503 } })
  t.equal(reached.length, 2)
})

t.test(
  'an upstream that resets connections is passed over after five requests, and all of them are answered',
  async (t) => {
    let seen = 0
    const { gateway, reached } = await withTwo(t, (req) => {
      seen++
      req.socket.resetAndDestroy()
    })
    const headers = { authorization: `Bearer ${await accessToken()}` }
    for (let count = 0; count < 20; count++) t.equal(await gateway.get('/a/b', headers), '200')
    t.equal(reached.filter((name) => name === 'second').length, 20)
    t.equal(seen, 10, 'five tries, each with a second one on another connection')
  },
)
