import { readFileSync } from 'node:fs'
import t from 'tap'
import { METRICS } from '../../src/metrics/definitions.js'
import { expose } from '../../src/metrics/exposition.js'
import { add, type Samples } from '../../src/metrics/samples.js'

t.test('a metric has its help and its type; a label may hold any text', async (t) => {
  const samples: Samples = new Map()
  add(samples, 'mgw_source_malformed_total', ['a "hub"\n\u0000\\', 'store', 'not-json'], 2)
  const { contentType, text } = await expose(samples)
  t.match(contentType, /^text\/plain; version=0\.0\.4/)
  t.equal(
    text,
    `# HELP mgw_source_malformed_total Elements of a source that could not be read, by reason; each counts once.
# TYPE mgw_source_malformed_total counter
mgw_source_malformed_total{source="a \\"hub\\"\\n \\\\",role="store",reason="not-json"} 2
`,
  )
})

t.test('names and units follow the conventions of Prometheus', async (t) => {
  for (const [name, { type, help, labels }] of Object.entries(METRICS)) {
    t.match(name, /^(mgw|process|nodejs)_[a-z]+(_[a-z]+)*$/)
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: counters alone end in _total`)
    if (type === 'histogram') t.match(name, /_seconds$/)
    t.notMatch(name, /_(ms|milliseconds|kb|mb|count|sum|bucket)(_|$)/)
    t.match(help, /\.$/)
    t.notOk(labels.some((label) => ['le', 'token', 'jti', 'path'].includes(label)))
  }
})

t.test('docs/operating.md lists every metric, with its type and its labels, and no other', async (t) => {
  const text = readFileSync('docs/operating.md', 'utf8')
  const rows = [...text.matchAll(/^\| `((?:mgw|process|nodejs)_\w+)` +\| (\w+) +\| ([^|]*?) +\|/gm)]
  const documented = rows.map(([, name, type, labels = '']) => ({
    name,
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
  }))
  const defined = Object.entries(METRICS).map(([name, { type, labels }]) => ({ name, type, labels: [...labels] }))
  t.strictSame(documented, defined)
})
