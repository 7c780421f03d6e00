import fc from 'fast-check'
import t from 'tap'
import { readApi } from '../../../src/apis/definition/openapi.js'
import { Report } from '../../../src/apis/definition/problem.js'
import { parseDefinition } from '../../../src/apis/definition/source.js'
import { RouteTable } from '../../../src/apis/routing/route-table.js'
import { definition, load, loadOne, problemsOf, resourceOf } from '../definitions.js'

t.test('the base path is the extension, else that of the server, else the root', async (t) => {
  const cases: [api: string, basePath: string][] = [
    ['x-wso2-basePath: /petstore/v1', '/petstore/v1'],
    ['x-wso2-basePath: /petstore/v1/', '/petstore/v1'],
    ['x-wso2-basePath: /petstore/{version}', '/petstore/1.0'],
    ['x-wso2-basePath: /v{version}/petstore', '/v1.0/petstore'],
    ['x-wso2-basePath: /', ''],
    ['x-wso2-basePath: /*', ''],
    ['x-wso2-basePath: petstore/v1/*', '/petstore/v1'],
    ['', '/v2'],
  ]
  for (const [api, basePath] of cases) t.equal((await loadOne(t, definition('', api))).basePath, basePath, api)
  const server = (url: string) => `${definition('').replace(/^servers.*$/m, `servers: [{ url: '${url}' }]`)}
x-wso2-production-endpoints: { urls: [http://localhost:1] }`
  for (const [url, basePath] of [
    ['/only/path', '/only/path'],
    ['https://pets.example', ''],
    ['/', ''],
  ] as const) {
    t.equal((await loadOne(t, server(url))).basePath, basePath, url)
  }
  for (const api of ['//petstore', '/a//b', '/a/../b', '/a/{b}', '/a%20b', '/a;b', '/a?b', '/a/*/*', '/caf\u00e9']) {
    t.match(await problemsOf(t, definition('', `x-wso2-basePath: '${api}'`)), [{ line: 9 }], api)
  }
  const versionless = definition('', 'x-wso2-basePath: /{version}').replace(", version: '1.0'", '')
  t.equal((await problemsOf(t, versionless)).length, 1)
})

t.test('paths are read as they are requested, and one that cannot be requested is an error', async (t) => {
  const at = (path: string) => definition('').replace('  /pet:', `  ${JSON.stringify(path)}:`)
  for (const path of [
    '/',
    '/pet/',
    '/pets:batch',
    '/a.b',
    '/{id}.json',
    '/{a}-{b}',
    '/files/*',
    '/100%25',
    '/a(b)',
    '/*',
  ]) {
    t.equal((await loadOne(t, at(path))).resources[0]?.template, path, path)
  }
  t.equal((await loadOne(t, at('/caf\u00e9/{id}'))).resources[0]?.template, '/caf%C3%A9/{id}')
  const refused = [
    'pet',
    '',
    '/a//b',
    '/a/../b',
    '/.',
    '/a;b',
    '/{;a}/b;c',
    '/a?b={c}',
    '/a#b',
    '/a\\b',
    '/a%2Fb',
    '/a%zz',
    '/%ff',
    '/%252e',
    '/{a}{b}',
    '/{a',
    '/\ud800',
    '/a%00',
  ]
  for (const path of refused) t.match(await problemsOf(t, at(path)), [{ line: 5 }], path)
})

t.test('methods of a path are its resources, and the same path twice is an error', async (t) => {
  const paths = (text: string) => `${definition('')}`.replace(/paths:.*$/s, `paths:\n${text}`)
  const all = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']
  const api = await loadOne(
    t,
    paths(`  /x: { summary: x, parameters: [], ${all.map((m) => `${m}: {}`).join(', ')} }\n  x-other: { get: {} }`),
  )
  t.same(api.resources.map(({ method }) => method).sort(), all.map((m) => m.toUpperCase()).sort())
  t.match(await problemsOf(t, paths('  /{a}: { get: {} }\n  /{b}: { get: {} }')), [{ line: 6 }])
  t.equal((await load(t, paths('  /{a}: { get: {} }\n  /{b}: { post: {} }'))).apis[0]?.resources.length, 2)
  t.match(await problemsOf(t, paths('  /x: { get: [] }')), [{ line: 5 }])
  t.match(await problemsOf(t, paths('  /x: { GET: {} }')), [{ line: 5, remedy: 'write get' }])
  t.match(await problemsOf(t, paths('  /x: { get: {} }\n---\na: 1')), [{ message: /more than one YAML document/ }])
  t.match(await problemsOf(t, paths('  /x: []')), [{ line: 5 }])
  t.equal((await problemsOf(t, definition('').replace(/paths:.*$/s, ''))).length, 1)
})

t.test('references within the file are followed, and others are an error', async (t) => {
  const item =
    'components: { pathItems: { pet: { get: { x-wso2-disable-security: true } }, circle: { $ref: "#/components/pathItems/circle" }, "a/b~c": { get: {} } } }'
  const at = (reference: string, more = '') =>
    `${definition('')}${item}`.replace(/ {4}get:.*?\n(?=\S)/s, `    $ref: '${reference}'\n${more}`)
  t.equal(resourceOf(await loadOne(t, at('#/components/pathItems/pet')), 'GET /pet').secured, false)
  t.equal(resourceOf(await loadOne(t, at('#/components/pathItems/a~1b~0c')), 'GET /pet').secured, true)
  const refused = [
    '#/components/pathItems/none',
    '#/components/pathItems/circle',
    'other.yaml',
    'https://pets.example/x.yaml',
    '#/__proto__/x',
  ]
  for (const reference of refused) t.equal((await problemsOf(t, at(reference))).length, 1, reference)
  const both = await loadOne(t, at('#/components/pathItems/pet', '    post: {}\n    parameters: []\n'))
  t.equal(resourceOf(both, 'GET /pet').secured, false)
  t.equal(resourceOf(both, 'POST /pet').secured, true, 'operations beside a reference count, too')
  t.match(await problemsOf(t, at('#/components/pathItems/pet', '    get: {}\n')), [
    { message: /get is beside a \$ref/ },
  ])
})

t.test(
  'OpenAPI 3.1 documents are read: webhooks, no paths, type arrays, a dialect, text beside a reference',
  async (t) => {
    const beginning = "openapi: 3.1.0\ninfo: { title: Hooks, summary: All of them, version: '1' }\n"
    const hooks = 'webhooks: { newPet: { post: { security: [{ nothing: [] }], responses: {} } } }\n'
    const pathless = await load(t, beginning + hooks)
    t.match(pathless.warnings, [{ message: /nothing is served/ }])
    t.same(pathless.apis[0]?.resources, [])
    t.equal(new RouteTable(pathless.apis).find('POST', '/newPet').kind, 'no-resource')
    t.equal((await load(t, `${beginning}components: { schemas: {} }\n`)).apis.length, 1)
    t.equal((await problemsOf(t, beginning)).length, 1)
    const api = await loadOne(
      t,
      `${beginning}${hooks}jsonSchemaDialect: https://json-schema.org/draft/2020-12/schema
servers: [{ url: https://hooks.example }]
paths:
  /a: { $ref: '#/components/pathItems/a', summary: Beside it, description: Too }
components:
  securitySchemes:
    oauth: { $ref: '#/components/securitySchemes/other', description: Beside it }
    other: { type: oauth2, flows: {} }
  pathItems:
    a:
      get:
        security: [{ oauth: [read] }]
        responses: { default: { content: { application/json: { schema: { type: [string, 'null'], const: 1 } } } } }
`,
    )
    t.same(
      api.resources.map(({ method, template, scopes }) => [method, template, scopes]),
      [['GET', '/a', [['read']]]],
    )
  },
)

t.test('methods of OpenAPI 3.2 that are not served are warned of', async (t) => {
  const more = '    query: {}\n    additionalOperations: { LINK: {} }\n    get:'
  const { apis, warnings } = await load(t, definition('').replace('3.0.3', '3.2.0').replace('    get:', more))
  t.match(warnings, [{ message: /query is not supported/ }, { message: /additionalOperations is not supported/ }])
  t.equal(apis[0]?.resources.length, 1)
  t.equal(new RouteTable(apis).find('QUERY', '/v2/pet').kind, 'method-not-allowed')
})

t.test('settings of the API are read', async (t) => {
  const api = await loadOne(
    t,
    definition(
      '',
      `x-wso2-auth-header: X-Auth
x-wso2-transports: [HTTPS]
x-wso2-owner: kim
x-wso2-cors:
  corsConfigurationEnabled: true
  accessControlAllowOrigins: [https://shop.example]
  accessControlAllowCredentials: true
  access-control-allow-headers: [Authorization, X-Pet]
  accessControlAllowMethods: [get, POST]`,
    ),
  )
  t.match(api, {
    authHeader: 'x-auth',
    transports: ['https'],
    cors: {
      allowOrigins: ['https://shop.example'],
      allowCredentials: true,
      allowHeaders: ['authorization', 'x-pet'],
      allowMethods: ['GET', 'POST'],
      exposeHeaders: [],
    },
  })
  const plain = await loadOne(t, definition('', 'x-wso2-cors: { corsConfigurationEnabled: false }'))
  t.match(plain, { authHeader: undefined, transports: ['http', 'https'], cors: undefined })
  const everyone = await load(
    t,
    definition('', "x-wso2-cors: { accessControlAllowOrigins: ['*'], accessControlAllowCredentials: true }"),
  )
  t.equal(everyone.apis[0]?.cors?.allowCredentials, false)
  t.equal(everyone.warnings.length, 1)
})

t.test('settings of the API that make no sense are an error', async (t) => {
  const refused = [
    'x-wso2-auth-header: [X-Auth]',
    "x-wso2-auth-header: 'X Auth'",
    'x-wso2-auth-header: Host',
    'x-wso2-transports: https',
    'x-wso2-transports: [https, ftp]',
    'x-wso2-cors: true',
    'x-wso2-cors: { accessControlAllowMethods: ["a b"] }',
    'x-wso2-cors: { accessControlAllowCredentials: yes }',
  ]
  for (const api of refused) t.match(await problemsOf(t, definition('', api)), [{ line: 9 }], api)
})

t.test(
  'an extension without effect is warned of once, with its line and the name that may have been meant',
  async (t) => {
    const cases: [operation: string, api: string, line: number, hint: RegExp][] = [
      ['x-wso2-throttling-tier: Gold', 'x-wso2-throttling-tier: Gold', 9, /throttling/],
      ['x-throttling-tier: Gold', '', 8, /throttling/],
      ['', 'x-wso2-response-cache: { enabled: true }', 9, /cache/],
      ['', 'x-wso2-mutual-ssl: optional', 9, /mutual/],
      ['', 'x-wso2-basepath: /x', 9, /x-wso2-basepath is unknown/],
      ['x-wso2-disable-securty: true', '', 8, /unknown/],
      ['x-wso2-basePath: /x', '', 8, /no effect on an operation/],
      ['', 'x-wso2-something-else: /x', 9, /unknown/],
    ]
    for (const [operation, api, line, message] of cases) {
      const { warnings, apis } = await load(t, definition(operation, api))
      t.match(warnings, [{ line, message }], `${operation} / ${api}`)
      t.equal(warnings.length, 1)
      t.equal(apis[0]?.resources[0]?.secured, true)
    }
    const { warnings } = await load(t, definition('x-wso2-disable-securty: true'))
    t.match(warnings[0]?.remedy, /x-wso2-disable-security/)
    const onPath = definition('').replace('  /pet:', '  /pet:\n    x-wso2-disable-security: true')
    const loaded = await load(t, onPath)
    t.match(loaded.warnings, [{ line: 6, message: /no effect on a path/ }])
    t.equal(loaded.apis[0]?.resources[0]?.secured, true)
  },
)

t.test('a slip in the name of an extension that protects is an error, and names it', async (t) => {
  for (const [operation, api, line, name] of [
    ['', 'x-wso2-mutualssl: mandatory', 9, 'x-wso2-mutual-ssl'],
    ['x-wso2-application-securty: { security-types: [api_key] }', '', 8, 'x-wso2-application-security'],
  ] as const) {
    t.match(await problemsOf(t, definition(operation, api)), [{ line, remedy: `did you mean ${name}?` }])
  }
})

t.test('a definition of another version, or of something else, is an error', async (t) => {
  for (const text of ['openapi: 2.0.0', "swagger: '1.2'", 'asyncapi: 2.0.0', 'openapi: [3]', '[]', 'text', '1']) {
    t.ok((await problemsOf(t, text)).length > 0, text)
  }
  for (const version of ['3.0.0', "'3.1.0'", '3.1', '3.2.0']) {
    t.equal((await load(t, definition('').replace('3.0.3', version))).apis.length, 1, version)
  }
})

t.test(
  'any document at all is an API whose operations all have an endpoint, or problems; nothing throws',
  async (t) => {
    const paths = ['/pet', '/{a}', 'get', 'post', '$ref', 'x-scope', '__proto__', 'security', 'oauth', 'x-auth-type']
    const roots = [
      'info',
      'version',
      'paths',
      'servers',
      'url',
      'variables',
      'components',
      'securitySchemes',
      'type',
      'host',
    ]
    const ours = [
      'basePath',
      'production-endpoints',
      'endpoints',
      'cors',
      'transports',
      'application-security',
      'auth-header',
    ]
    const endpoints = [
      'urls',
      'securityConfig',
      'username',
      'password',
      'advanceEndpointConfig',
      'timeoutInMillis',
      'default',
    ]
    const key = fc.constantFrom(...paths, ...roots, ...endpoints, ...ours.map((name) => `x-wso2-${name}`))
    const texts = [
      'oauth2',
      'http://a',
      '/v1',
      '#/paths/~1pet',
      '#/x-wso2-endpoints/oauth',
      '{version}',
      'None',
      '$env{A}',
    ]
    const leaf = fc.constantFrom(...texts, null, true, false, 1)
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'medium' },
        leaf,
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 8 }),
      ),
    }))
    const property = fc.property(fc.dictionary(key, tree), (document) => {
      const report = new Report()
      const source = parseDefinition('any.json', JSON.stringify({ openapi: '3.0.0', ...document }), report)
      const api = source && readApi(source, {})
      if (api === undefined || report.errors.length > 0) return report.errors.length > 0
      new RouteTable([api]).find('GET', '/pet')
      return api.resources.every(({ production, sandbox }) => (production ?? sandbox) !== undefined)
    })
    t.doesNotThrow(() => fc.assert(property, { numRuns: 1_000 }))
  },
)
