import fc from 'fast-check'
import t from 'tap'
import type { Api } from '../../../src/apis/api.js'
import { Report } from '../../../src/apis/definition/problem.js'
import { reportConfusable } from '../../../src/apis/routing/report-confusable.js'
import { RouteTable } from '../../../src/apis/routing/route-table.js'
import { definition, load } from '../definitions.js'
import { demandingApi } from '../demanding.js'

function told(...apis: Api[]): Report {
  const report = new Report()
  reportConfusable(apis, new Set(), report)
  return report
}

t.test(
  'paths that ask for less than what an upstream may take them for are told when definitions are loaded',
  async (t) => {
    const open = 'x-wso2-disable-security: true'
    const also =
      '/PET:\n    get: { responses: {} }\n  /{kind}:\n    get: { x-wso2-disable-security: true, responses: {} }'
    const text = definition(open).replace('  /pet:', `  ${also}\n  /pet:`)
    const { notes, warnings } = await load(t, text)
    t.match(notes, [
      { file: /api\.yaml$/, message: /^\/v2\/\{kind\} requires less than \/v2\/PET: .* requirements of both/ },
    ])
    t.match(warnings, [{ file: /api\.yaml$/, message: /^\/v2\/pet requires less than \/v2\/PET: .* may confuse them/ }])
    t.same([notes.length, warnings.length], [1, 1])
    const strict = await load(t, `${text}x-mgw-strict-upstream: true\n`)
    t.same([...strict.notes, ...strict.warnings], [], 'not where the upstream is strict')
  },
)

t.test('which paths an upstream may confuse', async (t) => {
  const cases: [title: string, less: string, more: string, told: 'note' | 'warning' | 'nothing'][] = [
    ['letter case alone', 'open GET /admin', 'GET /Admin', 'warning'],
    ['a trailing slash alone', 'open GET /admin', 'GET /admin/', 'warning'],
    ['a suffix alone', 'open GET /admin.json', 'GET /admin', 'warning'],
    ['another suffix', 'open GET /admin.json', 'GET /admin.xml', 'warning'],
    ['no suffix', 'open GET /admin.smith', 'GET /admin', 'nothing'],
    ['a blank at the end', 'open GET /admin%20', 'GET /admin', 'warning'],
    ['a wildcard below', 'open GET /Admin/x', 'GET /admin/*', 'nothing'],
    ['further down', 'open GET /a/b/{x}', 'GET /a/B/{y}', 'note'],
    ['a parameter', 'open GET /{x}', 'GET /admin', 'note'],
    ['a parameter, digits alone', 'open GET /{x}', 'GET /2024', 'note'],
    ['a parameter among text', 'open GET /{x}.json', 'GET /admin', 'note'],
    ['other text', 'open GET /{x}-list', 'GET /admin', 'nothing'],
    ['two parameters among text', 'open GET /{x}.JSON', 'GET /a{y}.json', 'note'],
    ['the rest', 'open GET /*', 'GET /admin/{x}', 'note'],
    ['the rest of another', 'open GET /b/*', 'GET /a/c', 'nothing'],
    ['a rest in another case', 'open GET /admin/*', 'GET /Admin/*', 'note'],
    ['a rest of nothing', 'open GET /admin/*', 'GET /admin', 'note'],
    ['a rest, and a slash', 'open GET /{x}', 'GET /admin/*', 'nothing'],
    ['paths that cross', 'open GET /{x}/list', 'GET /admin/{y}', 'note'],
    ['paths that cross, the open one first', 'open GET /admin/{y}', 'GET /{x}/list', 'nothing'],
    ['an exception that is open', 'open GET /login', 'GET /{x}', 'nothing'],
    ['an exception that is open, below', 'open GET /a/{x}', 'GET /a/*', 'nothing'],
    ['a longer path', 'open GET /{x}', 'GET /admin/x', 'nothing'],
    ['another method', 'open GET /{x}', 'POST /admin', 'nothing'],
    ['HEAD, which GET serves', 'open GET /{x}', 'HEAD /admin', 'note'],
    ['any method', 'open * /*', 'POST /admin', 'note'],
    ['escapes of letters', 'open GET /%C3%A9', 'GET /%C3%89', 'warning'],
    ['scopes', 'GET /{x}', 'GET /admin [a]', 'note'],
    ['other scopes', 'GET /{x} [a]', 'GET /admin [b]', 'note'],
    ['more scopes to choose from', 'GET /{x} [a]', 'GET /admin [a|b]', 'nothing'],
    ['what is open beside what is not', 'GET /{x}', 'open GET /admin', 'nothing'],
  ]
  for (const [title, less, more, expected] of cases) {
    const { notes, warnings } = told(demandingApi('', less, more))
    const about = [...notes, ...warnings].filter(({ message }) =>
      message.startsWith(less.split(' ').find((it) => it.startsWith('/')) ?? ''),
    )
    t.equal(
      about.length === 0
        ? 'nothing'
        : notes.includes(about[0] ?? notes[0] ?? { file: '', message: '' })
          ? 'note'
          : 'warning',
      expected,
      title,
    )
  }
})

t.test('a path is told of once, whatever its methods and however many paths it is taken for', async (t) => {
  const secured = Array.from({ length: 8 }, (_, at) => ['GET', 'POST'].map((method) => `${method} /a${at}`)).flat()
  const { notes, warnings } = told(demandingApi('/v1', 'open GET /{x}', 'open POST /{x}', ...secured))
  t.match(notes, [{ message: '/v1/a0, /v1/a1, /v1/a2, /v1/a3, /v1/a4 and 3 more' }])
  t.same([notes.length, warnings.length], [1, 0])
})

t.test('other APIs are told of, too', async (t) => {
  const { notes } = told(
    demandingApi('', 'open * /*'),
    demandingApi('/admin', 'GET /users'),
    demandingApi('/b', 'open GET /*'),
  )
  t.match(notes, [{ message: '/* requires less than /admin/users' }])
  t.equal(notes.length, 1)
})

t.test('whatever needs more than is declared has been told', async () => {
  const segments = ['a', 'A', 'aB', 'a.json', '1', '{p}', 'a{p}', 'A{p}', '{p}.json']
  const values = ['a', 'A', 'b', 'aB', 'AB', '1', 'a1', 'a.json', 'A.JSON', 'b.json']
  const paths = values.flatMap((one) => [
    `/${one}`,
    `/${one}/`,
    ...values.flatMap((two) => [`/${one}/${two}`, `/${one}/${two}/`]),
  ])
  const template = fc
    .tuple(fc.constantFrom(...segments), fc.constantFrom(...segments, '', '*', undefined))
    .map(([one, two]) => (two === undefined ? `/${one}` : `/${one}/${two}`))
  fc.assert(
    fc.property(template, template, (less, more) => {
      if (less === more || less.replace(/\{.\}/g, '') === more.replace(/\{.\}/g, '')) return true
      const api = demandingApi('', `open GET ${less}`, `GET ${more}`)
      const table = new RouteTable([api])
      const raised = paths.some((path) => {
        const route = table.find('GET', path)
        return route.kind === 'match' && route.resource.secured && route.resource.template === less
      })
      return !raised || told(api).notes.length > 0
    }),
    { numRuns: 500 },
  )
})
