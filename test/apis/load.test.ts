import { rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ApiEntry } from '../../src/apis/definition/api-entry.js'
import { DefinitionError } from '../../src/apis/definition/problem.js'
import { MAX_DEFINITION_BYTES } from '../../src/apis/definition/source.js'
import { loadApis } from '../../src/apis/load.js'
import { RouteTable } from '../../src/apis/routing/route-table.js'
import { definition, directoryOf, load, loadOne, problemsOf, resourceOf } from './definitions.js'

const PETSTORE = 'conf/api_definitions'

t.test('the sample petstore loads without a warning, and all of it needs a token', async (t) => {
  const { apis, warnings } = await loadApis({ directory: PETSTORE })
  t.same(warnings, [])
  const [petstore] = apis
  t.equal(apis.length, 1)
  t.equal(petstore?.basePath, '/petstore/v1')
  t.equal(petstore?.resources.length, 20)
  for (const { secured, scopes, production } of petstore?.resources ?? []) {
    t.equal(secured, true)
    t.same(scopes, [])
    t.same(production?.urls, [{ origin: 'http://localhost:9080', pathname: '/v1' }])
  }
  const route = new RouteTable(apis).find('GET', '/petstore/v1/pet/findByStatus')
  t.match(route, { kind: 'match', resource: { template: '/pet/findByStatus' } })
})

t.test('every definition of the directory is loaded, YAML and JSON, OpenAPI 3 and Swagger 2', async (t) => {
  const swagger = {
    swagger: '2.0',
    info: { title: 'Old', version: '1' },
    host: 'old.example:8443',
    basePath: '/old/v1',
    schemes: ['http', 'https'],
    paths: { '/x': { get: { responses: {} } } },
  }
  const { apis, warnings } = await load(t, {
    'a.yaml': definition('', 'x-wso2-basePath: /a'),
    'b.yml': definition('', 'x-wso2-basePath: /b'),
    'c.json': `\uFEFF${JSON.stringify(swagger, undefined, '\t')}`,
    '.hidden.yaml': ': not read',
    'notes.txt': ': not read',
  })
  t.same(warnings, [])
  t.same(
    apis.map(({ name, basePath, resources }) => [name, basePath, resources[0]?.production?.urls]),
    [
      ['Pets', '/a', [{ origin: 'https://pets.example', pathname: '/v2' }]],
      ['Pets', '/b', [{ origin: 'https://pets.example', pathname: '/v2' }]],
      ['Old', '/old/v1', [{ origin: 'https://old.example:8443', pathname: '/old/v1' }]],
    ],
  )
})

t.test('all problems of all files are listed at once, with file and line', async (t) => {
  const problems = await problemsOf(t, {
    'a.yaml': definition('x-wso2-disable-security: maybe\nx-scope: [check]', 'x-wso2-mutual-ssl: maybe'),
    'b.yaml': 'openapi: 3.0.0\ninfo: [',
    'c.json': '{"openapi": "3.0.0", "paths": {}, "paths": {}}',
    'd.yaml': 'just: text',
    'e.yaml': '',
  })
  const seen = problems.map(({ file, line }) => `${file.slice(-6)}:${line}`)
  for (const place of ['a.yaml:8', 'a.yaml:9', 'a.yaml:10', 'b.yaml:2', 'c.json:1', 'd.yaml:1', 'e.yaml:undefined']) {
    t.ok(seen.includes(place), `${place} of ${seen.join(', ')}`)
  }
  const error = new DefinitionError(problems)
  t.equal(error.code, 'ERR_API_DEFINITION')
  for (const { message } of problems) t.ok(error.message.includes(message))
})

t.test('an unreadable definition is a problem, not a crash', async (t) => {
  t.match(await problemsOf(t, {}, { directory: '/nowhere/at/all' }), [{ file: '/nowhere/at/all' }])
  t.match(await problemsOf(t, {}, { entries: [{ definition: '/nowhere.yaml' }] }), [{ file: '/nowhere.yaml' }])
  t.match(await problemsOf(t, {}, { entries: [{ definition: PETSTORE }] }), [{ file: PETSTORE }])
  const directory = await directoryOf(t, { 'large.yaml': '' })
  await truncate(join(directory, 'large.yaml'), MAX_DEFINITION_BYTES + 1)
  t.match(await problemsOf(t, {}, { directory }), [{ file: join(directory, 'large.yaml') }])
  const bomb = `a0: &a0 [x]\n${Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(20)}]`).join('\n')}`
  const hostile = { bomb, deep: '['.repeat(100_000), tag: 'a: !!js/function x', circle: 'a: &a [*a]', nul: '\0' }
  for (const [name, text] of Object.entries(hostile)) {
    const problems = await problemsOf(t, { 'hostile.yaml': text })
    t.ok(problems.length > 0, name)
  }
})

t.test('no message repeats what the parser stumbled over: it may be a password', async (t) => {
  for (const value of [
    '*hunter2',
    '!hunter2 x',
    '!!hunter2',
    '"\\hunter2',
    '&hunter2',
    '@hunter2',
    '%hunter2',
    '[hunter2',
    'hunter2: hunter2',
  ]) {
    const text = definition(`x-wso2-production-endpoints:\n  securityConfig: { type: basic, password: ${value} }`)
    const problems = await problemsOf(t, text)
    t.ok(problems.length > 0, value)
    t.notMatch(JSON.stringify(problems), 'hunter2', value)
  }
})

t.test('a key is only ever a key', async (t) => {
  const api = await loadOne(
    t,
    definition('__proto__: { x-wso2-disable-security: true }', '__proto__: { x-wso2-basePath: /x }'),
  )
  t.equal(api.basePath, '/v2')
  t.equal(resourceOf(api, 'GET /pet').secured, true)
})

t.test('anchors, aliases and merge keys are YAML and mean what they mean there', async (t) => {
  const api = await loadOne(
    t,
    `openapi: 3.0.0
info: { title: Merged, version: 1.10 }
x-wso2-basePath: /merged/{version}
x-wso2-production-endpoints: { urls: [http://localhost:1] }
x-common: &open
  x-wso2-disable-security: true
paths:
  /open:
    get: { <<: *open, responses: {} }
  /closed:
    get: { <<: *open, x-wso2-disable-security: false, responses: {} }
  /too: { get: *open }
`,
  )
  t.equal(api.version, '1.10')
  t.equal(api.basePath, '/merged/1.10')
  t.equal(resourceOf(api, 'GET /open').secured, false)
  t.equal(resourceOf(api, 'GET /closed').secured, true)
  t.equal(resourceOf(api, 'GET /too').secured, false)
})

t.test('two APIs on one base path are an error that names both', async (t) => {
  const [problem, ...others] = await problemsOf(t, {
    'a.yaml': definition('', 'x-wso2-basePath: /same'),
    'b.yaml': definition('', 'x-wso2-basePath: /same/'),
  })
  t.same(others, [])
  t.match(problem, { file: /b\.yaml$/, message: /\/same.*a\.yaml/ })
})

t.test('a resource that a longer base path of another API hides is warned of', async (t) => {
  const { warnings } = await load(t, {
    'a.yaml': definition('', 'x-wso2-basePath: /shop'),
    'b.yaml': definition('', 'x-wso2-basePath: /shop/pet'),
  })
  t.match(warnings, [{ file: /a\.yaml$/, message: /GET \/shop\/pet/ }])
})

t.test('an entry of the configuration is an API without a definition', async (t) => {
  const endpoints = ['http://localhost:1/x/', 'https://localhost:2']
  const entries = [{ name: 'plain', basePath: '/plain/', endpoints }]
  const { apis } = await loadApis({ entries, configFile: 'micro-gw.conf' })
  t.match(apis, [
    {
      name: 'plain',
      basePath: '/plain',
      file: 'micro-gw.conf',
      resources: [
        {
          method: '*',
          template: '/*',
          secured: true,
          scopes: [],
          production: {
            type: 'load_balance',
            urls: [
              { origin: 'http://localhost:1', pathname: '/x' },
              { origin: 'https://localhost:2', pathname: '' },
            ],
          },
        },
      ],
    },
  ])
  t.match(new RouteTable(apis).find('PATCH', '/plain/a/b'), { kind: 'match' })
})

t.test('an entry, or its definition, says that the upstream is strict', async (t) => {
  const said = 'x-wso2-basePath: /pets\nx-mgw-strict-upstream: true'
  const directory = await directoryOf(t, { 'said.yaml': definition('', said), 'unsaid.yaml': definition('') })
  const strict = async (entry: ApiEntry) => (await loadApis({ entries: [entry] })).apis[0]?.strictUpstream
  const plain = { name: 'plain', basePath: '/plain', endpoints: ['http://localhost:1'] }
  t.same([await strict(plain), await strict({ ...plain, strictUpstream: true })], [false, true])
  const files = [join(directory, 'said.yaml'), join(directory, 'unsaid.yaml')]
  for (const [file, itself] of [
    [files[0], true],
    [files[1], false],
  ] as const) {
    t.equal(await strict({ definition: file }), itself)
    t.equal(await strict({ definition: file, strictUpstream: !itself }), !itself, 'the entry has the last word')
  }
  t.match(await problemsOf(t, definition('', 'x-mgw-strict-upstream: often')), [{ message: /true or false/ }])
})

t.test('an entry can put other words in place of those of its definition, which is loaded once', async (t) => {
  const directory = await directoryOf(t, { 'pets.yaml': definition('', 'x-wso2-basePath: /pets') })
  const file = join(directory, 'pets.yaml')
  const overridden = { name: 'Mine', basePath: '/mine/{version}', endpoints: ['http://localhost:1'], definition: file }
  const { apis } = await loadApis({ directory, entries: [overridden] })
  t.match(apis, [
    { name: 'Mine', basePath: '/mine/1.0', resources: [{ production: { urls: [{ origin: 'http://localhost:1' }] } }] },
  ])
  t.equal(apis.length, 1)
  t.match((await loadApis({ directory, entries: [{ definition: file }] })).apis, [{ name: 'Pets', basePath: '/pets' }])
  await rm(file)
  await t.rejects(loadApis({ entries: [{ definition: file }] }), { code: 'ERR_API_DEFINITION' })
})

t.test('an entry that lacks something says all that it lacks', async (t) => {
  const configFile = 'micro-gw.conf'
  const about = async (entry: object) => problemsOf(t, {}, { entries: [entry], configFile })
  t.equal((await about({})).length, 3)
  for (const { file } of await about({})) t.equal(file, configFile)
  for (const basePath of ['plain', '/a//b', '/a/../b', '/a b', '/{x}', '/{version}', '/a/*', '/a?b', '/a%20b']) {
    t.equal((await about({ name: 'x', basePath, endpoints: ['http://localhost:1'] })).length, 1, basePath)
  }
  const [problem] = await about({ name: 'x', basePath: '/x', endpoints: ['http://me:hunter2@localhost:1'] })
  t.ok(problem)
  t.notMatch(JSON.stringify(problem), 'hunter2')
})

t.test('a definition that is wrong at the second look is refused then, and right again after that', async (t) => {
  const directory = await directoryOf(t, { 'a.yaml': 'openapi: 3' })
  await t.rejects(loadApis({ directory }), { code: 'ERR_API_DEFINITION' })
  await writeFile(join(directory, 'a.yaml'), definition(''))
  t.equal((await loadApis({ directory })).apis.length, 1)
})
