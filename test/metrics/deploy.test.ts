import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { METRICS } from '../../src/metrics/definitions.js'
import { expose } from '../../src/metrics/exposition.js'
import { RequestMetrics } from '../../src/metrics/request-metrics.js'
import { add, type Samples } from '../../src/metrics/samples.js'

const ALERTS = 'deploy/prometheus/alerts.yaml'

function promtool(args: readonly string[], input = ''): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}

const hasPromtool = promtool(['--version']).status === 0
const isRequired = process.env.MGW_REQUIRE_SERVICES === '1'
const skip = hasPromtool || isRequired ? false : 'promtool (Debian: prometheus) is not installed'

t.test('promtool accepts the alerts, and their tests pass', { skip }, async (t) => {
  for (const args of [
    ['check', 'rules', ALERTS],
    ['test', 'rules', 'deploy/prometheus/alerts.test.yaml'],
  ]) {
    const { status, text } = promtool(args)
    t.equal(status, 0, text)
  }
})

t.test('promtool accepts the metrics, and finds nothing to improve', { skip }, async (t) => {
  const requests = new RequestMetrics()
  requests.of({ name: 'Things', version: '1.0.0' }).count(200, 'upstream')
  requests.upstreamFailed('http://up.example', 'timeout')
  const samples: Samples = new Map()
  requests.collect(samples)
  for (const [name, { type, labels }] of Object.entries(METRICS)) {
    if (type !== 'histogram')
      add(
        samples,
        name as keyof typeof METRICS,
        labels.map(() => 'a'),
        1,
      )
  }
  const { status, text } = promtool(['check', 'metrics'], (await expose(samples)).text)
  t.equal(status, 0, text)
  t.equal(text, '')
})

t.test('alerts and dashboard ask for metrics and labels that there are', async (t) => {
  const { groups } = parse(readFileSync(ALERTS, 'utf8')) as { groups: { rules: { alert: string; expr: string }[] }[] }
  const { panels } = JSON.parse(readFileSync('deploy/grafana/mgw.json', 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[]
  }
  const asked = [
    ...groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ by: alert, expr }))),
    ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ by: title, expr }))),
  ]
  t.ok(asked.length > 25)
  const known: Readonly<Record<string, { readonly labels: readonly string[] }>> = METRICS
  for (const { by, expr } of asked) {
    const names = [...expr.matchAll(/\b(?:mgw|process|nodejs)_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''))
    t.ok(names.length > 0, by)
    for (const name of names) t.ok(known[name] !== undefined, `${by}: ${name}`)
    const labels = new Set(['instance', 'le', ...names.flatMap((name) => known[name]?.labels ?? [])])
    for (const [, label = ''] of expr.matchAll(/[{,(]\s*(\w+)\s*(?:=|!=|=~)\s*"/g))
      t.ok(labels.has(label), `${by}: ${label}`)
    for (const [, list = ''] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
      for (const label of list.split(/,\s*/)) t.ok(labels.has(label), `${by}: ${label}`)
    }
  }
})
