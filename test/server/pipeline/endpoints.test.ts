import type { RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import type { Api, Endpoint, Endpoints } from '../../../src/apis/api.js'
import { RequestMetrics, type Samples } from '../../../src/metrics/index.js'
import { DEFAULT_ENDPOINT_RULES, OpenRequests } from '../../../src/proxy/index.js'
import type { RequestHandlerOptions } from '../../../src/server/pipeline/request-handler.js'
import type { TokenIdentity } from '../../../src/token/identity.js'
import { demandingApi } from '../../apis/demanding.js'
import { lines } from '../../metrics/lines.js'
import { accessToken, gatewayInProcess } from '../../support/gateway-in-process.js'
import { httpServer } from '../../support/servers.js'
import { type Pipeline, pipeline } from './pipeline.js'

const RETRY = { count: 2, interval: 1, backOffFactor: 1, maxInterval: 1, statusCodes: [503] }
const DEAD = { origin: 'http://127.0.0.1:1', pathname: '' }
const jtiOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).jti

/** A pipeline whose API has two upstreams, in this order, and others `before` them. Both note what reaches them. */
async function withTwo(
  t: Test,
  first: RequestListener,
  more: Partial<Endpoints> = {},
  before: readonly Endpoint[] = [],
  options: Partial<RequestHandlerOptions> = {},
): Promise<{ gateway: Pipeline; reached: string[] }> {
  const reached: string[] = []
  const { origin } = await httpServer(t, (req, res) => {
    reached.push('first')
    first(req, res)
  })
  const apisOf = (second: string): Api[] => {
    const [one, ...others] = [...before, { origin, pathname: '' }, { origin: second, pathname: '' }]
    const urls: [Endpoint, ...Endpoint[]] = [one ?? DEAD, ...others]
    const production = { type: 'failover', urls, credentials: undefined, timeout: undefined, ...more } as const
    const api = demandingApi('/a', '* /b')
    return [{ ...api, resources: api.resources.map((resource) => ({ ...resource, production })) }]
  }
  const gateway = await pipeline(
    t,
    apisOf,
    (_, res) => {
      reached.push('second')
      res.end('{}')
    },
    { openRequests: undefined, endpoints: { ...DEFAULT_ENDPOINT_RULES, ejectionTime: 60_000 }, ...options },
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
  const metrics = new RequestMetrics()
  const answer: RequestListener = (_, res) => res.writeHead(500).end()
  const { gateway, reached } = await withTwo(t, answer, { type: 'http', circuitBreaker }, [], { metrics })
  const headers = { authorization: `Bearer ${await accessToken()}` }
  t.equal(await gateway.get('/a/b', headers), '500')
  t.equal(await gateway.get('/a/b', headers), '500')
  const refused = await fetch(`http://127.0.0.1:${gateway.port}/a/b`, { headers })
  t.strictSame([refused.status, refused.headers.get('retry-after')], [503, '5'])
  t.match(await refused.json(), { fault: { code: 101503 } })
  t.equal(reached.length, 2)
  const samples: Samples = new Map()
  metrics.collect(samples)
  t.match((await lines(samples)).join('\n'), /^mgw_endpoint_circuit_openings_total\{origin=".*"\} 1$/m)
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

t.test('/metrics counts ejections and retries by origin, and says which endpoints are passed over', async (t) => {
  const { origin: first } = await httpServer(t, (req) => void req.socket.resetAndDestroy())
  const { origin: second } = await httpServer(t, (_, res) => res.end('{}'))
  const { http, adminPort } = await gatewayInProcess(
    t,
    `openapi: 3.0.3
info: { title: Things, version: '1.0' }
x-wso2-basePath: /things
x-wso2-production-endpoints: { type: failover, urls: ['${first}', '${second}'] }
paths:
  /open: { get: { x-wso2-disable-security: true, responses: {} } }
`,
    '[httpClients.endpointHealth]\n  ejectionTime = "60s"\n  maxFailures = 2\n',
  )
  for (let count = 0; count < 4; count++) t.equal((await fetch(`${http}/things/open`)).status, 200)
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  const said = text.split('\n').filter((line) => /^mgw_(?:endpoint|upstream_retries)_/.test(line))
  t.strictSame(
    said.sort(),
    [
      `mgw_endpoint_circuit_open{origin="${first}"} 0`,
      `mgw_endpoint_circuit_open{origin="${second}"} 0`,
      `mgw_endpoint_ejected{origin="${first}"} 1`,
      `mgw_endpoint_ejected{origin="${second}"} 0`,
      `mgw_endpoint_ejections_total{origin="${first}"} 1`,
      `mgw_upstream_retries_total{origin="${second}"} 2`,
    ].sort(),
  )
})

t.test('what was not sent goes to the next upstream whatever its method, with its body', async (t) => {
  const { gateway, reached } = await withTwo(t, (req, res) => void req.pipe(res), {}, [DEAD])
  const headers = { authorization: `Bearer ${await accessToken()}` }
  for (const method of ['POST', 'PUT', 'PATCH']) {
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/a/b`, { method, headers, body: `by ${method}` })
    t.strictSame([answer.status, await answer.text()], [200, `by ${method}`])
  }
  t.strictSame(reached, ['first', 'first', 'first'])
})

t.test('a request whose body was read, and one that is not idempotent, are not sent again', async (t) => {
  const cases: [method: string, body: string | null][] = [
    ['PUT', 'a body'],
    ['POST', 'a body'],
    ['POST', null],
    ['PATCH', null],
  ]
  for (const [method, body] of cases) {
    const { gateway, reached } = await withTwo(t, (req) => {
      req.on('end', () => req.socket.resetAndDestroy()).resume()
    })
    const headers = { authorization: `Bearer ${await accessToken()}` }
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/a/b`, { method, headers, body })
    t.strictSame([answer.status, reached], [502, ['first']], `${method} ${body}`)
  }
})

t.test('an upstream that takes too long is a 504, unless retryConfig names 504', async (t) => {
  const headers = { authorization: `Bearer ${await accessToken()}` }
  const slow = () => undefined
  const once = await withTwo(t, slow, { timeout: 50 })
  t.equal(await once.gateway.get('/a/b', headers), '504 101504')
  t.strictSame(once.reached, ['first'])
  const again = await withTwo(t, slow, { timeout: 50, retry: { ...RETRY, statusCodes: [504] } })
  t.equal(await again.gateway.get('/a/b', headers), '200')
  t.strictSame(again.reached, ['first', 'second'])
})

t.test('after a part of an answer nothing is sent again: the client is reset', async (t) => {
  const cut: RequestListener = (req, res) => {
    res.writeHead(206).write('a part', () => req.socket.resetAndDestroy())
  }
  const headers = { authorization: `Bearer ${await accessToken()}` }
  const { gateway, reached } = await withTwo(t, cut, { retry: RETRY })
  await t.rejects(fetch(`http://127.0.0.1:${gateway.port}/a/b`, { headers }).then((answer) => answer.text()))
  t.strictSame(reached, ['first'])
  const dropping = await withTwo(t, cut, { retry: { ...RETRY, statusCodes: [206] } })
  t.equal(
    await dropping.gateway.get('/a/b', headers),
    '200',
    'of an answer that is to be repeated no part is passed on',
  )
  t.strictSame(dropping.reached, ['first', 'second'])
})

t.test('an answer that is to be repeated comes through when the tries are used up', async (t) => {
  const { gateway, reached } = await withTwo(t, (_, res) => res.writeHead(503).end('mine'), {
    type: 'http',
    retry: RETRY,
  })
  const headers = { authorization: `Bearer ${await accessToken()}` }
  const answer = await fetch(`http://127.0.0.1:${gateway.port}/a/b`, { headers })
  t.strictSame([answer.status, await answer.text()], [503, 'mine'])
  t.equal(reached.length, 3)
  const posted = await fetch(`http://127.0.0.1:${gateway.port}/a/b`, { method: 'POST', headers })
  t.equal(posted.status, 503)
  t.equal(reached.length, 4, 'a POST is sent once')
})

t.test(
  'while a request waits to be sent again its client may leave, and its token be revoked: nothing is sent',
  async (t) => {
    const retry = { count: 1, interval: 60_000, backOffFactor: 1, maxInterval: 60_000, statusCodes: [503] }
    let over: () => void = () => undefined
    class Open extends OpenRequests<TokenIdentity> {
      override remove(...args: Parameters<OpenRequests<TokenIdentity>['remove']>): void {
        super.remove(...args)
        over()
      }
    }
    const open = new Open(({ ids }) => ids)
    let dropped: () => void = () => undefined
    const first: RequestListener = (req, res) => {
      req.socket.once('close', () => dropped())
      res.writeHead(503).end()
    }
    const { gateway, reached } = await withTwo(t, first, { type: 'http', retry }, [], { openRequests: open })
    const headers = { authorization: `Bearer ${await accessToken()}` }
    const url = `http://127.0.0.1:${gateway.port}/a/b`
    for (const end of ['leaves', 'revoked'] as const) {
      const waits = new Promise<void>((resolve) => {
        dropped = resolve
      })
      const ended = new Promise<void>((resolve) => {
        over = resolve
      })
      const leaving = new AbortController()
      const asked = fetch(url, { headers, signal: leaving.signal })
      asked.catch(() => undefined)
      await waits
      if (end === 'leaves') {
        leaving.abort()
        await t.rejects(asked)
        await ended
      } else {
        open.endAll(new Error('revoked'))
        t.equal((await asked).status, 401)
      }
    }
    t.equal(open.endAll(new Error('none')), 0)
    t.equal(reached.length, 2)
  },
)

t.test('of load-balanced upstreams the one with fewer requests gets the next one', async (t) => {
  let finish = () => undefined as unknown
  const { gateway, reached } = await withTwo(
    t,
    (_, res) => {
      finish = () => res.end('{}')
    },
    { type: 'load_balance' },
  )
  const headers = { authorization: `Bearer ${await accessToken()}` }
  const ask = () => gateway.get('/a/b', headers)
  const held = ask()
  while (reached.length === 0) await new Promise((resolve) => setImmediate(resolve))
  for (let count = 0; count < 4; count++) t.equal(await ask(), '200')
  t.strictSame(reached, ['first', 'second', 'second', 'second', 'second'])
  finish()
  t.equal(await held, '200')
})
