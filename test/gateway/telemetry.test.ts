// OpenTelemetry's spans and metrics, as a gateway sends them to a collector. The collector is a stand-in: it keeps what it is sent.
import type { IncomingHttpHeaders } from 'node:http'
import { json } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { accessToken, gatewayInProcess, revokeAt } from '../support/gateway-in-process.js'
import { ask, http2Client } from '../support/http2-client.js'
import { exchangeRaw, httpServer } from '../support/servers.js'

interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface SentSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly KeyValue[]
  readonly status: { readonly code?: number }
}

interface SentMetric {
  readonly name: string
  readonly unit: string
  readonly histogram?: {
    readonly dataPoints: readonly {
      readonly count: string
      readonly bucketCounts: readonly string[]
      readonly explicitBounds: readonly number[]
      readonly attributes: readonly KeyValue[]
    }[]
  }
  readonly sum?: {
    readonly isMonotonic: boolean
    readonly dataPoints: readonly { readonly asDouble: number; readonly attributes: readonly KeyValue[] }[]
  }
  readonly gauge?: object
}

interface Sent {
  readonly resourceSpans?: readonly {
    readonly resource: object
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[]
  }[]
  readonly resourceMetrics?: readonly {
    readonly resource: object
    readonly scopeMetrics: readonly { readonly metrics: readonly SentMetric[] }[]
  }[]
}

const valuesOf = (attributes: readonly KeyValue[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** A stand-in for a collector; its answers have the statuses given, then 200. */
async function collector(t: Test, ...statuses: number[]) {
  const bodies: Sent[] = []
  let first: () => void = () => undefined
  const taken = new Promise<void>((resolve) => {
    first = resolve
  })
  const headers: IncomingHttpHeaders[] = []
  const { origin } = await httpServer(t, async (req, res) => {
    headers.push(req.headers)
    const body = (await json(req)) as Sent
    const status = statuses.shift() ?? 200
    if (status === 200) {
      bodies.push(body)
      first()
    }
    res.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })
  return {
    /** Resolves when it has taken something. */
    taken,
    origin,
    headers,
    spans: () =>
      bodies.flatMap(({ resourceSpans = [] }) =>
        resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
      ),
    metrics: () =>
      bodies.flatMap(({ resourceMetrics = [] }) =>
        resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics)),
      ),
    text: () => JSON.stringify(bodies),
  }
}

async function observed(t: Test, endpoint: string, more = '') {
  const seen: IncomingHttpHeaders[] = []
  const { origin } = await httpServer(t, (req, res) => {
    seen.push(req.headers)
    res.writeHead(req.url?.endsWith('/broken') === true ? 500 : 200).end('{}')
  })
  const definition = `openapi: 3.0.3
info: { title: Things, version: '1.0' }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: ['${origin}'] }
paths:
  /thing/{id}: { get: { responses: {} } }
`
  const gateway = await gatewayInProcess(t, definition, `[openTelemetry]\n  endpoint = "${endpoint}"\n${more}`)
  const jwt = await accessToken()
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(gateway.http + path, { headers: { authorization: `Bearer ${jwt}`, ...headers } })
    await answer.arrayBuffer()
    return answer.status
  }
  return { ...gateway, jwt, get, seen, origin }
}

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = 'b7ad6b7169203331'

t.test(
  'a request has a server span and a client span, which its upstream gets as its parent; no credential is in them',
  async (t) => {
    const sent = await collector(t)
    const { get, seen, jwt, httpPort, httpsPort, adminPort, origin, close } = await observed(
      t,
      `${sent.origin}/`,
      '  authorization = "Bearer of-the-collector"',
    )
    const traced = { traceparent: `00-${TRACE}-${CALLER}-01`, tracestate: 'a=1' }
    t.equal(await get(`/things/thing/1?limit=2&access_token=${jwt}`, traced), 400)
    const headers = { ...traced, 'user-agent': `a Bearer ${jwt} ${'a'.repeat(600)}` }
    t.equal(await get('/things/thing/1?limit=2&key=opaque-1', headers), 200)
    const host = `GET /things/thing/1 HTTP/1.1\r\nhost: ${jwt}\r\ntraceparent: ${traced.traceparent}\r\nconnection: close\r\n\r\n`
    t.match(await exchangeRaw(httpPort, host), /^HTTP\/1.1 401 /)
    const unsampled = { traceparent: `00-${TRACE}-${CALLER}-00` }
    t.equal(await get('/things/thing/unsampled', unsampled), 200)
    t.equal(
      (await ask(http2Client(t, httpsPort), { ':path': '/things/thing/broken', authorization: `Bearer ${jwt}` }))
        .status,
      500,
    )
    await revokeAt({ adminPort }, jwt)
    t.equal(await get('/things/thing/2', traced), 401)
    await close()
    const spans = sent.spans().map(({ attributes, ...span }) => ({ ...span, attributes: valuesOf(attributes) }))
    t.match(spans, [
      {
        kind: 2,
        name: 'GET /things/thing/{id}',
        attributes: {
          'http.response.status_code': '400',
          'mgw.reason': 'two-credentials',
          'url.query': 'limit=2&access_token=[redacted]',
        },
      },
      {
        ...{ kind: 2, traceId: TRACE, parentSpanId: CALLER, name: 'GET /things/thing/{id}' },
        attributes: {
          ...{ 'http.request.method': 'GET', 'http.route': '/things/thing/{id}', 'http.response.status_code': '200' },
          ...{
            'url.scheme': 'http',
            'url.path': '/things/thing/1',
            'url.query': 'limit=2&key=[redacted]',
            'client.address': '127.0.0.1',
            'user_agent.original': /^a Bearer \[token\] a{400,500}$/,
          },
          ...{
            'server.address': '127.0.0.1',
            'server.port': String(httpPort),
            'network.protocol.version': '1.1',
            'mgw.reason': 'upstream',
          },
        },
      },
      {
        ...{ kind: 3, traceId: TRACE, parentSpanId: spans[1]?.spanId, name: 'GET' },
        attributes: {
          'http.request.method': 'GET',
          'url.full': `${origin}/thing/1?limit=2&key=[redacted]`,
          'http.response.status_code': '200',
        },
      },
      { kind: 2, attributes: { 'http.response.status_code': '401', 'server.address': '[token]' } },
      {
        kind: 2,
        status: { code: 2 },
        attributes: {
          'http.response.status_code': '500',
          'error.type': '500',
          'network.protocol.version': '2',
          'url.scheme': 'https',
        },
      },
      { kind: 3, status: { code: 2 }, attributes: { 'error.type': '500' } },
      {
        kind: 2,
        name: 'GET /things/thing/{id}',
        attributes: { 'http.response.status_code': '401', 'mgw.reason': 'revoked' },
      },
    ])
    t.equal(spans.length, 7, 'nothing of a trace that is not sampled')
    t.match(seen[0], { traceparent: `00-${TRACE}-${spans[2]?.spanId}-01`, tracestate: 'a=1' })
    t.match(seen[1]?.traceparent, new RegExp(`^00-${TRACE}-(?!${CALLER})[0-9a-f]{16}-00$`))
    t.match(seen[2]?.traceparent, `00-${spans[4]?.traceId}-${spans[5]?.spanId}-01`)
    for (const { startTimeUnixNano, endTimeUnixNano } of spans)
      t.ok(BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano))
    t.match(sent.headers[0], { authorization: 'Bearer of-the-collector', 'content-type': 'application/json' })
    for (const secret of [jwt, jwt.split('.')[2] ?? '', 'opaque-1']) t.notOk(sent.text().includes(secret))
  },
)

t.test(
  'metrics are those of /metrics, and the duration of requests by route; what the collector asks to repeat is sent again',
  async (t) => {
    const sent = await collector(t, 503)
    const { get, close } = await observed(t, sent.origin, '  traces = false\n  metricsInterval = "1s"')
    t.equal(await get('/things/thing/1'), 200)
    t.equal(await get('/things/thing/2'), 200)
    t.equal(await get('/elsewhere'), 404)
    await sent.taken
    await close()
    t.equal(sent.spans().length, 0)
    const last = (name: string) => sent.metrics().findLast((metric) => metric.name === name)
    const durations = last('http.server.request.duration')
    t.equal(durations?.unit, 's')
    const points = durations?.histogram?.dataPoints.map(({ attributes, count }) => ({ count, ...valuesOf(attributes) }))
    t.match(points, [
      {
        count: '2',
        'http.route': '/things/thing/{id}',
        'http.response.status_code': '200',
        'http.request.method': 'GET',
        'url.scheme': 'http',
      },
      { count: '1', 'http.response.status_code': '404' },
    ])
    const [point] = durations?.histogram?.dataPoints ?? []
    t.equal(point?.bucketCounts.length, (point?.explicitBounds.length ?? 0) + 1)
    t.match(last('mgw_http_requests_total'), { sum: { isMonotonic: true } })
    t.match(last('mgw_ready'), { gauge: {} })
    t.match(last('mgw_http_request_duration_seconds'), { unit: 's', histogram: { dataPoints: [{ count: '2' }] } })
  },
)

t.test('a collector that is away costs spans, which are counted, and no request', async (t) => {
  const { origin, server } = await httpServer(t, () => undefined)
  server.close()
  const { get, close, seen } = await observed(t, origin, '  metrics = false')
  t.equal(await get('/things/thing/1'), 200)
  t.match(seen[0]?.traceparent, /^00-/)
  await close()
})

t.test('a collector that answers nothing keeps no gateway from ending', async (t) => {
  const { origin } = await httpServer(t, () => undefined)
  const { get, close } = await observed(t, origin)
  t.equal(await get('/things/thing/1'), 200)
  const began = performance.now()
  await close()
  t.ok(performance.now() - began < 8_000, 'a request to it has 10 s')
})
