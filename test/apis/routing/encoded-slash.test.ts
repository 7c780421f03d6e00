import fc from 'fast-check'
import t from 'tap'
import type { Api } from '../../../src/apis/api.js'
import { Report } from '../../../src/apis/definition/problem.js'
import { checkEncodedSlashes } from '../../../src/apis/routing/encoded-slash.js'
import { RouteTable } from '../../../src/apis/routing/route-table.js'
import { upstreamPath } from '../../../src/apis/upstream-path.js'
import { readTarget } from '../../../src/server/pipeline/path.js'
import { declareApi } from '../declare.js'
import { definition, load, loadOne, problemsOf, resourceOf } from '../definitions.js'
import { demandingApi } from '../demanding.js'

/** The API, with resources that allow encoded slashes: all, or those of these templates. */
function slashed(api: Api, ...templates: string[]): Api {
  const allows = (template: string) => templates.length === 0 || templates.includes(template)
  const resources = api.resources.map((one) => ({ ...one, encodedSlash: allows(one.template) }))
  return { ...api, resources }
}

function errors(...apis: Api[]): string[] {
  const report = new Report()
  checkEncodedSlashes(apis, new Set(), report)
  return report.errors.map(({ message }) => message)
}

/** The template of the resource that a path leads to, or why there is none. */
function lead(table: RouteTable, path: string, method = 'GET'): string {
  const route = table.find(method, path)
  return route.kind === 'match' ? route.resource.fullTemplate : route.kind
}

t.test('an encoded slash is refused unless the resource allows it, and separates nothing where it does', async (t) => {
  const api = declareApi('/v1', 'GET /p/{id}', 'GET /p/{id}/files/{path}', 'GET /q/{id}', 'GET /p/{id}/x', 'GET /r/*')
  const table = new RouteTable([slashed(api, '/p/{id}', '/p/{id}/files/{path}', '/r/*')])
  const cases: [path: string, lead: string][] = [
    ['/v1/p/a%2Fb', '/v1/p/{id}'],
    ['/v1/p/a%2fb%2Fc', '/v1/p/{id}'],
    ['/v1/p/a%2Fx', '/v1/p/{id}'],
    ['/v1/p/a%2Fb/files/c%2Fd', '/v1/p/{id}/files/{path}'],
    ['/v1/p/a%2Ffiles%2Fc', '/v1/p/{id}'],
    ['/v1/r/a%2Fb/c', '/v1/r/*'],
    ['/v1/p/a%2Fb/x', 'encoded-slash'],
    ['/v1/q/a%2Fb', 'encoded-slash'],
    ['/v1%2Fp/a', 'encoded-slash'],
    ['/v1/p%2Fa', 'encoded-slash'],
    ['/other%2F', 'encoded-slash'],
  ]
  for (const [path, expected] of cases) t.equal(lead(table, path), expected, path)
  t.equal(lead(table, '/v1/p/a%2Fb', 'POST'), 'method-not-allowed', 'for a preflight')
  t.equal(lead(table, '/v1/q/a%2Fb', 'POST'), 'encoded-slash')
})

t.test('an encoded ? or # is data, wherever it stands', async (t) => {
  const table = new RouteTable([declareApi('/v1', 'GET /p/{id}', 'GET /p/{id}/files/{path}', 'GET /{a}-{b}/c')])
  for (const mark of ['%3F', '%3f', '%23']) {
    t.equal(lead(table, `/v1/p/a${mark}b`), '/v1/p/{id}')
    t.equal(lead(table, `/v1/p/${mark}b`), '/v1/p/{id}')
    t.equal(lead(table, `/v1/p/a${mark}b/files/c`), '/v1/p/{id}/files/{path}')
    t.equal(lead(table, `/v1/p/${mark}/files/${mark}`), '/v1/p/{id}/files/{path}')
    t.equal(lead(table, `/v1/a-${mark}/c`), '/v1/{a}-{b}/c')
  }
})

t.test(
  'where encoded slashes are allowed is said at the top, for a path, for an operation, and in [[apis]]',
  async (t) => {
    const allow = 'x-mgw-encoded-slash: true'
    const says = async (text: string) => resourceOf(await loadOne(t, text), 'GET /pet').encodedSlash
    t.equal(await says(definition('')), false)
    t.equal(await says(definition('', allow)), true)
    t.equal(await says(definition(allow)), true)
    t.equal(await says(definition('x-mgw-encoded-slash: false', allow)), false, 'the operation has the last word')
    const path = definition('', 'x-mgw-encoded-slash: false').replace('  /pet:', `  /pet:\n    ${allow}`)
    t.equal(await says(path), true, 'and the path beats the API')
    t.match(await problemsOf(t, definition('', 'x-mgw-encoded-slash: often')), [{ message: /true or false/ }])
    const { warnings } = await load(t, definition(allow))
    t.same(warnings, [])
    const entries = [{ name: 'npm', basePath: '/npm', endpoints: ['http://localhost:1'], encodedSlash: true }]
    t.equal((await load(t, {}, { entries })).apis[0]?.resources[0]?.encodedSlash, true)
  },
)

t.test('the option is refused where an upstream that decodes the slash finds other protection', async (t) => {
  const cases: [title: string, refused: boolean, ...operations: string[]][] = [
    ['an open resource, a secured one in its reach', true, 'open GET /{x}', 'GET /admin/users'],
    ['a secured one, an open one in its reach', true, 'GET /{x}', 'open GET /{x}/public'],
    ['other scopes', true, 'GET /{x} [a]', 'GET /{x}/{y} [b]'],
    ['further down', true, 'open GET /a/{x}/b', 'GET /a/{x}/{y}/b'],
    ['the rest of a path', true, 'open GET /a/*', 'GET /a/b/c'],
    ['into a rest', true, 'open GET /{x}', 'GET /a/*'],
    ['a value among text', true, 'open GET /x-{x}.z', 'GET /x-a/b.z'],
    ['another letter case', true, 'open GET /A/{x}', 'GET /a/{x}/{y}'],
    ['any method', true, 'open * /{x}', 'POST /a/b'],
    ['the same protection', false, 'GET /{x} [a]', 'GET /{x}/{y} [a]'],
    ['nothing but open ones', false, 'open GET /{x}', 'open GET /{x}/{y}'],
    ['another method', false, 'open GET /{x}', 'POST /a/b'],
    ['another path', false, 'open GET /a/{x}', 'GET /b/c'],
    ['another text', false, 'open GET /x-{x}.z', 'GET /x-a/b.y'],
    ['no slash to get there', false, 'open GET /{x}', 'GET /admin'],
    ['no value', false, 'open GET /a', 'GET /b/{x}'],
    ['a shorter path', false, 'open GET /a/{x}', 'GET /{y}'],
  ]
  for (const [title, refused, first = '', ...others] of cases) {
    const api = demandingApi('/v1', first, ...others)
    const found = errors(slashed(api, api.resources[0]?.template ?? ''))
    t.equal(found.length > 0, refused, `${title}: ${found}`)
    t.same(errors(api), [], 'without the option')
    t.same(errors({ ...slashed(api), strictUpstream: true }), [], 'the upstream tells them apart')
  }
  t.match(errors(slashed(demandingApi('', 'open GET /{x}')), demandingApi('/admin', 'GET /users')), [/\/admin\/users/])
  const also =
    '/{kind}:\n    get: { x-wso2-disable-security: true, x-mgw-encoded-slash: true, responses: {} }\n  /pet/{id}:'
  t.match(await problemsOf(t, definition('').replace('/pet:', also)), [
    {
      message: /^\/v2\/\{kind\} must not allow encoded slashes: .* \/v2\/pet\/\{id\}, which requires more$/,
      remedy: /strict/,
    },
  ])
})

const text = fc.constantFrom('a', 'b', '2F', '%2', 'x-y', '.json', '%C3%A9', '2f').filter((one) => one !== '%2')
const segment = fc.oneof(
  text,
  fc.constant('{p}'),
  text.map((one) => `{p}${one}`),
  text.map((one) => `${one}{p}`),
  fc.tuple(text, text).map(([one, two]) => `{p}${one}{q}${two}`),
)
const template = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '', '', '/*'))
  .map(([segments, end]) => `/${segments.join('/')}${end}`)
const value = fc
  .array(fc.constantFrom('a', 'b', 'pkg', '%2F', '%2f', '%23', '%3F', '@', '2F', '%20', '%C3%A9', '.', '-'), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => parts.join(''))
/** A plain character for each thing in a value that an upstream may read as more than itself. */
const plain = (path: string) => path.replaceAll(/%2f|%23|%3f/gi, '~')

t.test('a path leads where it would if its values were plain, and goes to the upstream byte for byte', async (t) => {
  let [led, refused] = [0, 0]
  const property = fc.property(
    fc.uniqueArray(template, { selector: (one) => one.replaceAll(/\{.\}/g, '{}'), minLength: 1, maxLength: 6 }),
    fc.nat(),
    fc.array(value, { minLength: 9, maxLength: 9 }),
    (templates, which, values) => {
      const table = new RouteTable([slashed(declareApi('/v1', ...templates.map((one) => `GET ${one}`)))])
      let next = 0
      const chosen = templates[which % templates.length] ?? ''
      const path = `/v1${chosen.replaceAll(/\{.\}|\*$/g, () => values[next++] ?? 'v')}`
      const target = readTarget(path)
      if (target.kind === 'refusal') {
        refused++
        return true
      }
      const [route, expected] = [table.find('GET', target.path), table.find('GET', plain(path))]
      if (route.kind !== 'match' || expected.kind !== 'match') return route.kind === expected.kind
      led++
      const endpoint = { origin: 'http://up', pathname: '/up' }
      const sent = upstreamPath(route.resource, endpoint, target.path, '')
      return route.resource === expected.resource && sent === `/up${path.slice('/v1'.length)}`
    },
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 5_000 }))
  t.comment(`${led} led to a resource, ${refused} were refused`)
  t.ok(led > 1_000)
})

t.test('whatever an upstream finds elsewhere by decoding a slash has been refused', async (t) => {
  const values = ['a', 'a/b', 'b/a', 'a/x-y', 'a/b/a', 'x-y/b', 'a.json/b', 'b/a.json']
  let found = 0
  const property = fc.property(template, template, (one, two) => {
    if (one.replaceAll(/\{.\}/g, '{}') === two.replaceAll(/\{.\}/g, '{}')) return true
    const api = demandingApi('/v1', `open GET ${one}`, `GET ${two}`)
    const alone = new RouteTable([demandingApi('/v1', `GET ${two}`)])
    const isFound = values.some((first) =>
      values.some((second) => {
        let next = 0
        const path = one.replaceAll(/\{.\}|\*$/g, () => [first, second][next++ % 2] ?? '')
        return (
          next > 0 &&
          `${first}${next > 1 ? second : ''}`.includes('/') &&
          alone.find('GET', `/v1${path}`).kind === 'match'
        )
      }),
    )
    if (isFound) found++
    return !isFound || errors(slashed(api, one)).length > 0
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 1_000 }))
  t.ok(found > 20, `${found} pairs`)
})
