import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { parseJson } from '../../../src/apis/definition/json.js'
import type { Step } from '../../../src/apis/definition/source.js'
import { parseYaml } from '../../../src/apis/definition/yaml.js'
import { definition, load, problemsOf } from '../definitions.js'

t.test('JSON has the values, the lines and the texts that it has as YAML', async (t) => {
  const property = fc.property(
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.constantFrom(0, 1, '\t'),
    (value, indent) => {
      const text = JSON.stringify(value, undefined, indent)
      const [json, yaml] = [parseJson(text), parseYaml(text)]
      fc.pre('root' in yaml)
      return (
        json !== undefined &&
        isDeepStrictEqual(json.root, yaml.root) &&
        pathsOf(json.root).every(
          (path) => json.lineOf(path) === yaml.lineOf(path) && json.textOf(path) === yaml.textOf(path),
        )
      )
    },
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }))
})

t.test(
  'a number is also known as it is written, by key and in a list, and lines are counted in characters',
  async (t) => {
    const text = '{\n  "é\\n\\"": {\n    "ü": 1.10,\n    "list": [\n      2.0,\n      1e3, "x"]\n  }\n}'
    for (const parsed of [parseJson(text), parseYaml(text)]) {
      if (parsed === undefined || !('root' in parsed)) throw new Error('not parsed')
      const at = 'é\n"'
      t.equal(parsed.textOf([at, 'ü']), '1.10')
      t.equal(parsed.textOf([at, 'list', 0]), '2.0')
      t.equal(parsed.textOf([at, 'list', 1]), '1e3')
      t.equal(parsed.textOf([at, 'list', 2]), 'x')
      t.equal(parsed.textOf([at, 'none']), undefined)
      t.equal(parsed.lineOf([]), 1)
      t.equal(parsed.lineOf([at]), 2)
      t.equal(parsed.lineOf([at, 'ü', 'none']), 3)
      t.equal(parsed.lineOf([at, 'list', 1]), 6)
      t.equal(parsed.lineOf([at, 'list', 7, 'none']), 4)
    }
  },
)

t.test('what is no JSON is left to YAML', async (t) => {
  for (const text of ['{a: 1}', '{"a": 1,}', '[1]', '', '"a"', '{"a": 01}', '{"a": 1} {}', '{"a": NaN}', '{']) {
    t.equal(parseJson(text), undefined, text)
  }
})

t.test('a key that is there twice is an error with its line, at any depth', async (t) => {
  const twice =
    '{"openapi": "3.0.0",\n"paths": {"/a": {"get": {},\n"get": {}},\n"/b": {}}, "__proto__": {},\n"__proto__": {}}'
  t.match(await problemsOf(t, { 'api.json': twice }), [{ line: 3, message: /duplicate key/, further: { lines: [5] } }])
})

t.test('a definition of thousands of operations with different demands loads in bounded time and memory', async (t) => {
  const operation = (at: number) => ({
    security: [{ oauth: at % 3 === 0 ? ['read'] : [] }],
    responses: Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`${200 + i}`, { description: 'x'.repeat(80) }]),
    ),
  })
  const paths = Array.from({ length: 2_000 }, (_, at): [string, object] => [
    `/things/${at}/{a}/parts/{b}`,
    { get: operation(at), post: operation(at + 1) },
  ])
  const text = JSON.stringify(
    {
      openapi: '3.0.3',
      info: { title: 'Large', version: '1' },
      servers: [{ url: 'https://large.example' }],
      components: { securitySchemes: { oauth: { type: 'oauth2', flows: {} } } },
      paths: Object.fromEntries(paths),
    },
    undefined,
    1,
  )
  t.ok(text.length > 10_000_000, `${text.length}`)
  const before = process.cpuUsage()
  const { apis } = await load(t, { 'large.json': text })
  t.equal(apis[0]?.resources.length, 4_000)
  const { user, system } = process.cpuUsage(before)
  t.ok(user + system < 10_000_000, `${user + system} µs`)
})

t.test('a cause that many operations share is said once, with the first places', async (t) => {
  const paths = Array.from({ length: 30 }, (_, at) => `  /${at}:\n    get: { responses: {} }`)
  const text = `openapi: 3.0.3\ninfo: { title: A, version: '1' }\npaths:\n${paths.join('\n')}\n`
  const [problem, ...others] = await problemsOf(t, text)
  t.same(others, [])
  t.match(problem, { line: 5, message: 'no endpoint', further: { lines: [7, 9, 11, 13], count: 29 } })
  t.match(await problemsOf(t, definition('x-wso2-disable-security: maybe')), [{ further: undefined }])
})

/** The path of each value inside a value, and one beyond it. */
function pathsOf(value: unknown): Step[][] {
  const inner: [Step, unknown][] = Array.isArray(value)
    ? value.map((item, at) => [at, item])
    : value instanceof Map
      ? [...value]
      : []
  return [[], ['no such key'], ...inner.flatMap(([step, each]) => pathsOf(each).map((path) => [step, ...path]))]
}
