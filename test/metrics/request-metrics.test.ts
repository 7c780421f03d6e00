import t from 'tap'
import { BOUNDS, Histogram } from '../../src/metrics/histogram.js'
import { RequestMetrics } from '../../src/metrics/request-metrics.js'
import { addAll, lasting, type Samples } from '../../src/metrics/samples.js'
import { lines } from './lines.js'

const THINGS = { name: 'Things', version: '1.0.0' }

function collected(...all: RequestMetrics[]): Samples {
  const samples: Samples = new Map()
  for (const metrics of all) metrics.collect(samples)
  return samples
}

t.test('requests are counted by API, status and reason; those of several processes add up', async (t) => {
  const [one, other] = [new RequestMetrics(), new RequestMetrics()]
  one.of(THINGS).count(200, 'upstream')
  one.of(THINGS).count(401, 'revoked')
  one.of(THINGS).count(0, 'client-left')
  one.of(THINGS).count(999, 'upstream')
  one.of().count(404, 'no-api')
  other.of({ ...THINGS }).count(200, 'upstream')
  t.match(await lines(collected(one, other)), [
    'mgw_http_requests_total{api="Things",version="1.0.0",status="200",reason="upstream"} 2',
    'mgw_http_requests_total{api="Things",version="1.0.0",status="none",reason="upstream"} 1',
    'mgw_http_requests_total{api="Things",version="1.0.0",status="401",reason="revoked"} 1',
    'mgw_http_requests_total{api="Things",version="1.0.0",status="none",reason="client-left"} 1',
    'mgw_http_requests_total{api="",version="",status="404",reason="no-api"} 1',
  ])
})

t.test('no more than 100 reasons of an API are told apart', async (t) => {
  const metrics = new RequestMetrics()
  for (let i = 0; i < 1_000; i++) metrics.of(THINGS).count(400, `reason-${i}`)
  const counted = (await lines(collected(metrics))).filter((line) => line.startsWith('mgw_http_requests_total'))
  t.equal(counted.length, 101)
  t.match(counted.at(-1), /reason="other"} 900$/)
})

t.test('a duration is counted in its bucket, a bound included, and in all above it', async (t) => {
  const metrics = new RequestMetrics()
  const { duration } = metrics.of(THINGS)
  for (const ms of [1, 1.001, 60_000, 60_001]) duration.observe(ms)
  const of = (le: string) => `mgw_http_request_duration_seconds_bucket{le="${le}",api="Things",version="1.0.0"}`
  const written = await lines(collected(metrics))
  for (const expected of [
    `${of('0.001')} 1`,
    `${of('0.0025')} 2`,
    `${of('60')} 3`,
    `${of('+Inf')} 4`,
    'mgw_http_request_duration_seconds_count{api="Things",version="1.0.0"} 4',
  ]) {
    t.ok(written.includes(expected), expected)
  }
  const sum = written.find((line) => line.startsWith('mgw_http_request_duration_seconds_sum'))
  t.ok(Math.abs(Number(sum?.split(' ').at(-1)) - 120.003001) < 1e-9)
  t.equal(new Histogram().counts.length, BOUNDS.length + 1)
})

t.test('what a process counted outlives it, what it had open does not', async (t) => {
  const metrics = new RequestMetrics()
  metrics.of(THINGS).count(200, 'upstream')
  metrics.of(THINGS).duration.observe(1)
  metrics.of(THINGS).inProgress = 7
  metrics.upstreamFailed('http://up.example', 'timeout')
  metrics.ended(3, 'revoked')
  const samples: Samples = new Map()
  addAll(samples, lasting(collected(metrics)))
  const names = new Set((await lines(samples)).map((line) => line.replace(/[{ ].*/, '')))
  t.strictSame([...names].sort(), [
    'mgw_http_request_duration_seconds_bucket',
    'mgw_http_request_duration_seconds_count',
    'mgw_http_request_duration_seconds_sum',
    'mgw_http_requests_total',
    'mgw_open_requests_ended_total',
    'mgw_upstream_failures_total',
    'mgw_upstream_response_duration_seconds_bucket',
    'mgw_upstream_response_duration_seconds_count',
    'mgw_upstream_response_duration_seconds_sum',
  ])
})
