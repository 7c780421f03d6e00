import fc from 'fast-check'
import t from 'tap'
import { indentFlowCollections } from '../../../src/apis/definition/flow-indent.js'
import { parseYaml } from '../../../src/apis/definition/yaml.js'
import { load, problemsOf, resourceOf } from '../definitions.js'

/** JSON as people paste it into an example: further left than its key. */
const PASTED = `openapi: 3.0.0
info: { title: Pasted, version: '1' }
x-wso2-production-endpoints: { urls: [http://localhost:1] }
paths:
  /a:
    get:
      responses:
        "200":
          content:
            application/json:
              example: {
                "a": "x
  y",
            "b": [
  1, {"c": "}"}, # }
  2
]
           }
        "300":
          description: ok
      x-wso2-disable-security: true
  /b:
    get: { responses: {
      } }
    post: { responses: {
    }, x-scope: [] }
`

t.test('flow collections that go on further left than their key are read, and lines stay lines', async (t) => {
  const { apis } = await load(t, PASTED.replace(', x-scope: []', ''))
  const [api] = apis
  if (api === undefined) throw new Error('not loaded')
  t.equal(resourceOf(api, 'GET /a').secured, false, 'what follows is where it was')
  t.equal(resourceOf(api, 'GET /b').secured, true)
  t.match(await problemsOf(t, PASTED), [{ line: 26, message: /x-scope must be a string/ }])
})

t.test('what is wrong beside it is still an error, on its own line', async (t) => {
  const wrong = await problemsOf(t, PASTED.replace('  /b:', '  /b: "\\q"\n  /c:'))
  t.equal(wrong.length, 1, 'and the only one')
  t.match(wrong, [{ line: 22, message: /escape/ }])
  for (const text of ['a: {\nb: 1\n', 'a: [\n', 'a: {\n b: 1\n]\n', '}', '- {\n- a\n']) {
    t.ok(Array.isArray(parseYaml(text)), text)
  }
})

t.test('YAML means the same with its flow collections moved to the left', async (t) => {
  const property = fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(4), (value, by) => {
    const lines = JSON.stringify({ value }, undefined, 2).split('\n')
    const moved = lines.map((line, at) => (at === 0 ? line : line.trimStart().padStart(line.length - by)))
    const text = (each: readonly string[]) => `top:\n    key: ${each.join('\n')}\n    next: 1\n`
    const [straight, left] = [
      parseYaml(text(lines.map((line, at) => (at === 0 ? line : `        ${line}`)))),
      parseYaml(text(moved)),
    ]
    fc.pre('root' in straight)
    return 'root' in left && JSON.stringify(plain(left.root)) === JSON.stringify(plain(straight.root))
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }))
})

t.test('any text is moved in bounded time', async (t) => {
  const hostile = `a:\n  b: [\n${'x\n'.repeat(20_000)}`
  const before = process.cpuUsage()
  indentFlowCollections(hostile)
  const { user, system } = process.cpuUsage(before)
  t.ok(user + system < 30_000_000, `${user + system} µs`)
  const token = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '\n',
    ' ',
    '- ',
    'a',
    ': ',
    ', ',
    '"',
    "'",
    '#',
    '|\n',
    '&b ',
    '*b',
    '? ',
  )
  const property = fc.property(fc.array(token, { maxLength: 60 }), (tokens) => {
    const text = tokens.join('')
    const moved = indentFlowCollections(text)
    return moved === undefined || moved.replace(/^ +/gm, '') === text.replace(/^ +/gm, '')
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2_000 }))
})

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return [...value].map(([key, inner]) => [key, plain(inner)])
  return value
}
