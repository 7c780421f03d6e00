import fc from 'fast-check'
import t from 'tap'
import type { Api } from '../../../src/apis/api.js'
import { mayMeet } from '../../../src/apis/routing/folding.js'
import { isLiteral, isMoreSpecific, parseTemplate } from '../../../src/apis/routing/path-template.js'
import type { Match } from '../../../src/apis/routing/place.js'
import { RouteTable } from '../../../src/apis/routing/route-table.js'
import { readTarget } from '../../../src/server/pipeline/path.js'
import { admits, demandingApi, satisfies } from '../demanding.js'

/** What a request needs, in words: `open`, `token`, `token with a, b|c`, or why there is nothing. */
function needs(table: RouteTable, request: string): string {
  const [method = '', path = ''] = request.split(' ')
  const route = table.find(method, path)
  if (route.kind !== 'match') return route.kind
  if (!route.resource.secured) return 'open'
  const scopes = [route.resource.scopes, ...route.furtherScopes].filter((some) => some.length > 0)
  return scopes.length === 0
    ? 'token'
    : `token with ${scopes.map((some) => some.map((all) => all.join(' ')).join('|')).join(', ')}`
}

t.test('a path that is declared otherwise than it is spelt needs what is declared, too', async (t) => {
  const table = new RouteTable([
    demandingApi(
      '/shop',
      'open * /*',
      'GET /admin',
      'GET /Reports/{year}/',
      'open GET /status.json',
      'GET /status.xml [health]',
      'open GET /users/{name}',
      'GET /users/admin',
      'GET /users/{name}/keys',
      'DELETE /users/{name}',
      'open GET /files/{name}.json',
      'GET /files/{name}',
      'GET /caf%C3%A9',
      'open GET /search/{term}',
      'GET /search/*',
      'open GET /tags/x{y}',
      'GET /tags/{tag}',
    ),
  ])
  const cases: [request: string, needs: string][] = [
    ['GET /shop/other', 'open'],
    ['GET /shop/admin', 'token'],
    ['GET /shop/ADMIN', 'token'],
    ['GET /shop/admin/', 'token'],
    ['GET /shop/admin.json', 'token'],
    ['GET /shop/admin.xml', 'token'],
    ['GET /shop/admin.html', 'token'],
    ['GET /shop/admin.HTML/', 'token'],
    ['GET /shop/admin.', 'token'],
    ['GET /shop/admin...', 'token'],
    ['GET /shop/admin%20', 'token'],
    ['GET /shop/%20admin', 'token'],
    ['GET /shop/%20Admin%20.json%20./', 'token'],
    ['GET /shop/admin%c2%a0', 'token'],
    ['GET /shop/%41DMIN', 'token'],
    ['GET /shop/ADMIN%3Fx', 'token'],
    ['GET /shop/ADMIN%23', 'token'],
    ['GET /shop/adm%C4%B1n', 'token'],
    ['GET /shop/adm%C4%B0n', 'token'],
    ['GET /shop/ADMI%CC%87N', 'token'],
    ['HEAD /shop/ADMIN', 'token'],
    ['POST /shop/ADMIN', 'open'],
    ['GET /shop/admin.txt', 'open'],
    ['GET /shop/admin.json5', 'open'],
    ['GET /shop/admins', 'open'],
    ['GET /shop/admin/x', 'open'],
    ['GET /shop/.json', 'open'],
    ['GET /shop/reports/2024', 'token'],
    ['GET /shop/reports/2024/', 'token'],
    ['GET /shop/REPORTS/2024.json', 'token'],
    ['GET /shop/reports', 'open'],
    ['GET /shop/status.json', 'open'],
    ['GET /shop/Status.Json', 'token with health'],
    ['GET /shop/status', 'token with health'],
    ['GET /shop/users/alice', 'open'],
    ['GET /shop/users/admin', 'token'],
    ['GET /shop/users/admin.smith', 'open'],
    ['GET /shop/users/Admin', 'token'],
    ['GET /shop/users/admin.json', 'token'],
    ['GET /shop/users/a/Keys', 'token'],
    ['DELETE /shop/users/Admin', 'token'],
    ['GET /shop/files/a.json', 'open'],
    ['GET /shop/files/a', 'token'],
    ['GET /shop/files/a.json.', 'token'],
    ['GET /shop/search/J.%20Smith%20Jr.', 'open'],
    ['GET /shop/tags/x%20', 'token'],
    ['GET /shop/tags/xy', 'open'],
    ['GET /shop/CAF%C3%89', 'token'],
    ['GET /shop/a/%20/b', 'ambiguous'],
    ['GET /shop/.../b', 'ambiguous'],
    ['GET /SHOP/admin', 'no-api'],
  ]
  for (const [request, expected] of cases) t.equal(needs(table, request), expected, request)
})

t.test(
  'where an upstream may end a path at an escaped ? or #, what the shorter path asks for is needed, too',
  async (t) => {
    const table = new RouteTable([
      demandingApi('', 'open GET /{x}/list', 'GET /{y}', 'open GET /pub/{x}', 'open GET /pub/{x}/{y}'),
    ])
    const cases: [request: string, needs: string][] = [
      ['GET /b/list', 'open'],
      ['GET /b%3F/list', 'token'],
      ['GET /b%23c/list', 'token'],
      ['GET /pub/%3Fx', 'token'],
      ['GET /pub/a%3Fx', 'open'],
      ['GET /pub/a%23/c', 'open'],
    ]
    for (const [request, expected] of cases) t.equal(needs(table, request), expected, request)
  },
)

t.test('where an upstream may split a path at an escaped slash, what it finds there is asked for, too', async (t) => {
  const api = demandingApi('', 'open GET /{x}', 'GET /admin/{y}', 'open GET /pub/{z}')
  const table = new RouteTable([
    { ...api, resources: api.resources.map((resource) => ({ ...resource, encodedSlash: true })) },
  ])
  const cases: [request: string, needs: string][] = [
    ['GET /a%2Fb', 'open'],
    ['GET /admin%2Fb', 'token'],
    ['GET /ADMIN%2fb.json', 'token'],
    ['GET /admin%2Fb%3F%2Fc', 'token'],
    ['GET /pub%2Fb', 'open'],
    ['GET /admin%2Fb%2Fc', 'open'],
  ]
  for (const [request, expected] of cases) t.equal(needs(table, request), expected, request)
})

t.test('scopes of both places are needed where neither implies the other', async (t) => {
  const table = new RouteTable([
    demandingApi('', 'GET /{x} [a|b]', 'GET /admin [c]', 'GET /root [a d]', 'GET /both [a|b|c]', 'GET /any'),
  ])
  t.equal(needs(table, 'GET /ADMIN'), 'token with a|b, c')
  t.equal(needs(table, 'GET /ROOT'), 'token with a|b, a d')
  t.equal(needs(table, 'GET /BOTH'), 'token with a|b', 'whoever has a or b has one of a, b and c')
  t.equal(needs(table, 'GET /ANY'), 'token with a|b')
  t.equal(table.find('GET', '/ADMIN'), table.find('GET', '/ADMIN.json'), 'a match is made once')
})

t.test('APIs whose base paths read alike, or lie below one another, have a say in each other', async (t) => {
  const root = demandingApi('', 'open * /*')
  const table = new RouteTable([
    root,
    demandingApi('/Pets/v1', 'open GET /*'),
    demandingApi('/pets/v1', 'GET /pet/{id}'),
  ])
  t.equal(needs(table, 'GET /Pets/v1/pet/1'), 'token')
  t.equal(needs(table, 'GET /PETS/V1/pet/1'), 'token')
  t.equal(needs(table, 'GET /Pets/v1/other'), 'open')
  t.equal(needs(table, 'GET /PETS/other'), 'open')
  const below = new RouteTable([root, demandingApi('/admin', 'GET /*')])
  t.equal(needs(below, 'GET /Admin/users'), 'token')
  t.equal(needs(below, 'GET /admin.json'), 'token')
  t.equal(needs(below, 'GET /administer'), 'open')
  const escaped = new RouteTable([demandingApi('/caf%C3%A9', 'open GET /*'), demandingApi('/CAF%C3%89', 'GET /*')])
  t.equal(needs(escaped, 'GET /caf%C3%A9/menu'), 'token')
})

t.test('an API whose upstream is strict is asked for what is declared, and no more', async (t) => {
  const open = { ...demandingApi('/a', 'open * /*', 'GET /admin'), strictUpstream: true }
  t.equal(needs(new RouteTable([open]), 'GET /a/ADMIN'), 'open')
  t.equal(needs(new RouteTable([open]), 'GET /a/.../x'), 'open')
  t.equal(needs(new RouteTable([open, demandingApi('/A', 'GET /*')]), 'GET /a/x'), 'open')
  t.equal(
    needs(new RouteTable([open, demandingApi('', 'open GET /*')]), 'GET /A/admin'),
    'token',
    'of another upstream',
  )
})

t.test('every path is served as it is spelt where all ask for the same', async (t) => {
  const table = new RouteTable([demandingApi('', 'GET /{x} [a]', 'GET /admin [a]'), demandingApi('/b', 'open GET /*')])
  t.equal(needs(table, 'GET /.../'), 'no-resource')
  t.equal(needs(table, 'GET /...'), 'token with a')
})

const names = ['admin', 'Admin', 'a', 'b.json', 'B', 'me.', 'caf%C3%A9', 'x%20y', '1']
const segment = fc.constantFrom(...names, '{p}', '{p}.json', 'a{p}', '{p}-{q}')
const template = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '', '/', '/*'))
  .map(([segments, end]) => `/${segments.join('/')}${end}`)
const demand = fc.constantFrom('open', 'open', '', '[a]', '[a|b]', '[a b]')
const operation = fc
  .tuple(demand, fc.constantFrom('GET', 'GET', 'POST', 'HEAD', '*'), fc.oneof(template, fc.constant('/*')))
  .map(([asked, method, path]) => (asked === 'open' ? `open ${method} ${path}` : `${method} ${path} ${asked}`.trim()))
const basePaths = fc.uniqueArray(fc.constantFrom('', '/admin', '/Admin', '/a/b', '/A'), { minLength: 1, maxLength: 3 })
const apis = basePaths.chain((paths) =>
  fc.tuple(
    ...paths.map((path) => fc.array(operation, { minLength: 1, maxLength: 5 }).map((all) => distinct(path, all))),
  ),
)

function distinct(basePath: string, operations: string[]): Api {
  const api = demandingApi(basePath, ...operations)
  const seen = new Set<string>()
  const resources = api.resources.filter(({ method, template }) => {
    const parsed = parseTemplate(template)
    const key = `${method} ${typeof parsed === 'string' ? '' : parsed.shape}`
    return !seen.has(key) && seen.add(key)
  })
  return { ...api, resources }
}

/** Ways to spell a path that a lenient upstream makes nothing of. */
const respellings: readonly ((path: string, at: number) => string)[] = [
  (path) => path,
  (path) => path.replace(/[a-z]/g, (letter) => letter.toUpperCase()).replace(/%c3%a9/gi, '%C3%89'),
  (path, at) => path.replace(/(?<!%|%.)[a-z]/gi, (letter, place) => ((place + at) % 3 ? letter : swapped(letter))),
  (path) => (path.endsWith('/') ? path : `${path}/`),
  (path) => path.replace(/(?<=.)\/$/, ''),
  (path, at) => path.replace(/\/?$/, ['.json', '.XML', '.html', '.'][at % 4] ?? ''),
  (path) => path.replace(/\/?$/, '%20'),
  (path, at) => path.replaceAll('/', (slash, place) => ((place + at) % 2 ? slash : `%20${slash}`)).replace(/^%20/, ''),
  (path, at) => path.replace(/(?<=.)\//g, (slash, place) => ((place + at) % 2 ? slash : `.${slash}`)),
  (path, at) => path.replace(/(?<!%|%.)[a-z]/gi, (letter, place) => ((place + at) % 4 ? letter : escaped(letter))),
]

function swapped(letter: string): string {
  return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
}

function escaped(letter: string): string {
  return `%${letter.charCodeAt(0).toString(16)}`
}

const respelling = fc.array(fc.tuple(fc.constantFrom(...respellings), fc.nat(7)), { minLength: 1, maxLength: 4 })
const callers = [undefined, [], ['a'], ['b'], ['a', 'b']]

t.test('a lenient upstream serves nobody what only others may have, however the path is spelt', async (t) => {
  let [tried, passed] = [0, 0]
  const property = fc.property(
    apis,
    fc.nat(),
    fc.array(fc.constantFrom('k', 'Admin', '7'), { minLength: 9 }),
    respelling,
    (all, which, values, spell) => {
      const table = new RouteTable(all)
      const resources = all.flatMap((api) => api.resources).filter((one) => !table.shadowed.includes(one))
      const target = resources[which % Math.max(resources.length, 1)]
      if (target === undefined) return true
      const method = target.method === '*' ? 'GET' : target.method
      let value = 0
      const exact = target.fullTemplate.replace(/\{[^}]+\}/g, () => values[value++] ?? 'k').replace(/\*$/, 'rest')
      const declared = table.find(method, exact)
      // A path that the values make one of another resource is that one's.
      if (declared.kind !== 'match' || declared.resource.fullTemplate !== target.fullTemplate) return true
      const asDeclared = resources.find(
        ({ fullTemplate, method }) => fullTemplate === target.fullTemplate && method === declared.resource.method,
      )
      if (asDeclared === undefined) throw new TypeError('not declared')
      const respelt = spell.reduce((path, [change, at]) => change(path, at), exact)
      if (readTarget(respelt).kind === 'refusal') return true
      const found = table.find(method, respelt)
      if (found.kind === 'match' && outranks(found, declared)) return true
      tried++
      for (const held of callers) {
        if (!admits(table, method, respelt, held)) continue
        passed++
        // What it is declared to ask for: its own spelling may be one that an upstream folds, and need more.
        if (!satisfies(asDeclared, held)) return false
      }
      return true
    },
  )
  fc.assert(property, { numRuns: 20_000 })
  t.comment(`${tried} spellings, ${passed} callers got through`)
  t.ok(tried > 1_000 && passed > 100, 'the spellings are neither all refused nor all excused')
})

/** Whether the one is declared for such paths more specifically: it is served as declared. */
function outranks(one: Match, other: Match): boolean {
  const [ours, theirs] = [parseTemplate(one.resource.fullTemplate), parseTemplate(other.resource.fullTemplate)]
  if (typeof ours === 'string' || typeof theirs === 'string') throw new TypeError('no template')
  return isLiteral(ours) || isMoreSpecific(ours, theirs) || !mayMeet(one.api, other.api)
}
