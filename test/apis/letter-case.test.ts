import fc from 'fast-check'
import t from 'tap'
import type { Api } from '../../src/apis/api.js'
import { warnOfLetterCase } from '../../src/apis/letter-case.js'
import { Report } from '../../src/apis/problem.js'
import { RouteTable } from '../../src/apis/route-table.js'
import { declareApi } from './declare.js'
import { definition, load } from './definitions.js'

const OPEN = 'x-wso2-disable-security: true'

/** An API with these operations, of which those that begin with `open` need no token. */
function apiOf(...operations: string[]): Api {
  const { resources, ...api } = declareApi('', ...operations.map((operation) => operation.replace(/^open /, '')))
  const secured = (at: number) => operations[at]?.startsWith('open ') === false
  return { ...api, resources: resources.map((resource, at) => ({ ...resource, secured: secured(at) })) }
}

function warningsOf(...operations: string[]) {
  const report = new Report()
  warnOfLetterCase(apiOf(...operations), report)
  return report.warnings
}

t.test('an open path that a secured one is another spelling of is warned of when definitions are loaded', async (t) => {
  const also =
    '/PET:\n    get: { responses: {} }\n  /{kind}:\n    get: { x-wso2-disable-security: true, responses: {} }'
  const { warnings } = await load(t, definition(OPEN).replace('  /pet:', `  ${also}\n  /pet:`))
  t.match(warnings, [
    { file: /api\.yaml$/, message: /^\/v2\/\{kind\} is open: .* \/v2\/PET without a token/ },
    { file: /api\.yaml$/, message: /^\/v2\/pet is open: .* \/v2\/PET without a token/ },
  ])
  t.equal(warnings.length, 2)
})

t.test('which paths an upstream that ignores letter case confuses', async (t) => {
  const cases: [title: string, open: string, secured: string, warns: boolean][] = [
    ['letter case alone', 'GET /admin', 'GET /Admin', true],
    ['further down', 'GET /a/b/{x}', 'GET /a/B/{y}', true],
    ['a parameter', 'GET /{x}', 'GET /admin', true],
    ['a parameter, digits alone', 'GET /{x}', 'GET /2024', false],
    ['a parameter among text', 'GET /{x}.json', 'GET /admin.json', true],
    ['text among which nothing can be respelt', 'GET /{x}.json', 'GET /1.json', false],
    ['text that is in another case', 'GET /{x}.json', 'GET /1.JSON', true],
    ['two parameters among text', 'GET /{x}.JSON', 'GET /{y}.json', true],
    ['the rest', 'GET /*', 'GET /admin/{x}', true],
    ['the rest of another', 'GET /b/*', 'GET /a/c', false],
    ['a rest in another case', 'GET /admin/*', 'GET /Admin/*', true],
    ['paths that cross', 'GET /{x}/list', 'GET /admin/{y}', true],
    ['paths that cross, the open one first', 'GET /admin/{y}', 'GET /{x}/list', false],
    ['an exception that is open', 'GET /login', 'GET /{x}', false],
    ['an exception that is open, below', 'GET /a/login', 'GET /a/*', false],
    ['a longer path', 'GET /{x}', 'GET /admin/x', false],
    ['a trailing slash', 'GET /{x}', 'GET /admin/', false],
    ['another method', 'GET /{x}', 'POST /admin', false],
    ['HEAD, which GET serves', 'GET /{x}', 'HEAD /admin', true],
    ['any method', '* /*', 'POST /admin', true],
    ['escapes of letters', 'GET /%C3%A9', 'GET /%C3%89', true],
    ['escapes of what has no case', 'GET /{x}', 'GET /%E4%BD%A0', false],
    ['special characters', 'GET /{x}', 'GET /a+(b)$', true],
  ]
  for (const [title, open, secured, warns] of cases)
    t.equal(warningsOf(`open ${open}`, secured).length, warns ? 1 : 0, title)
})

t.test('an open path is warned of once, whatever its methods and however many paths it is taken for', async (t) => {
  const secured = Array.from({ length: 8 }, (_, at) => ['GET', 'POST'].map((method) => `${method} /a${at}`)).flat()
  const [warning, ...others] = warningsOf('open GET /{x}', 'open POST /{x}', ...secured)
  t.match(warning?.message, '/a0, /a1, /a2, /a3, /a4 and 3 more')
  t.same(others, [])
  t.same(warningsOf('GET /Admin', 'GET /admin'), [], 'two that are secured')
  t.same(warningsOf('open GET /Admin', 'open GET /admin'), [], 'two that are open')
})

t.test('there is a warning exactly where the route table, without letter case, leads elsewhere', async () => {
  const segments = ['a', 'A', 'aB', '1', '{p}', 'a{p}', 'A{p}', '']
  const values = ['a', 'A', 'b', 'ab', 'Ab', 'aB', 'AB', '1', 'a1', 'A1', '']
  const paths = values.flatMap((one) => ['', ...values].map((two) => (one === '' ? '/' : `/${one}/${two}`)))
  paths.push(...values.filter((value) => value !== '').map((value) => `/${value}`))
  const template = fc
    .tuple(fc.constantFrom(...segments.slice(0, -1)), fc.constantFrom(...segments, '*', undefined))
    .map(([one, two]) => (two === undefined ? `/${one}` : `/${one}/${two}`))
  fc.assert(
    fc.property(template, template, (open, secured) => {
      if (open === secured) return true
      const leads = (table: RouteTable, path: string) => {
        const route = table.find('GET', path)
        return route.kind === 'match' ? route.resource.secured : undefined
      }
      const ours = new RouteTable([apiOf(`open GET ${open}`, `GET ${secured}`)])
      const [one, two] = [open.toLowerCase(), secured.toLowerCase()]
      const theirs = one === two ? undefined : new RouteTable([apiOf(`open GET ${one}`, `GET ${two}`)])
      const confused = (path: string) =>
        leads(ours, path) === false && (theirs === undefined || leads(theirs, path.toLowerCase()) === true)
      return warningsOf(`open GET ${open}`, `GET ${secured}`).length > 0 === paths.some(confused)
    }),
    { numRuns: 500 },
  )
})
